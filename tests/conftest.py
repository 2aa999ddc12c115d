"""Fixtures that all tests share."""

import os
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings

import tests.typecheck  # first: it has what is imported later checked  # isort: skip  # noqa: F401
from musicgen.music.midi import write_midi
from musicgen.music.notes import Performance
from tests.command import Musicgen

settings.register_profile("patient", deadline=None)  # a busy machine is not a failure
settings.load_profile("patient")
FAULT_ROUNDS = 7  # of three kills each


def wants_long_form(config: pytest.Config) -> bool:
    """Tell whether the faults were asked for by name: `pytest -m faults` is their long form."""
    return config.option.markexpr == "faults"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Repeat a test of faults: once in a run of all tests, several times in the long form."""
    if "fault_round" in metafunc.fixturenames:
        metafunc.parametrize("fault_round", range(FAULT_ROUNDS if wants_long_form(metafunc.config) else 1))


@pytest.fixture(scope="session")
def long_form(request: pytest.FixtureRequest) -> bool:
    """Tell whether a test of faults is to take its time."""
    return wants_long_form(request.config)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the longest tests to the gate and to those who ask, so that everybody's end within minutes."""
    if os.environ.get("MUSICGEN_LONG") or wants_long_form(config):
        return
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.skip(reason="long: set MUSICGEN_LONG=1"))
        elif item.get_closest_marker("gate") and config.option.markexpr != "gate":
            item.add_marker(pytest.mark.skip(reason="gate: python -m pytest -m gate, as .ci/run does"))


@pytest.fixture(autouse=True)
def same_start():
    """Begin every test with the same random numbers, and with one thread: small tests wait for more."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002  (libraries draw from it)
    torch.manual_seed(0)
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def giantmidi_root() -> Path:
    """Give the folder of GiantMIDI-Piano that GIANTMIDI_ROOT names, or skip with the reason."""
    root = os.environ.get("GIANTMIDI_ROOT")
    if not root:
        pytest.skip("GIANTMIDI_ROOT is not set: tests on real GiantMIDI files need a folder of them")
    folder = Path(root)
    if not folder.is_dir():
        pytest.fail(f"GIANTMIDI_ROOT={root} is not a folder")
    return folder.resolve()


def notes(rows: Sequence[tuple[int, float, float]]) -> Performance:
    """Make notes of pitch, onset and offset in quarters, at 120 quarters a minute."""
    pitch, onset, offset = np.array(rows, dtype=float).reshape(-1, 3).T
    return Performance.from_arrays(
        pitch, onset_s=onset / 2, offset_s=offset / 2, onset_quarters=onset, offset_quarters=offset
    )


def etude(seed: int, *, num_quarters: int = 16) -> Performance:
    """Compose a small piece: broken triads over a walking bass, different for each seed."""
    choose = np.random.default_rng(seed)
    onsets, lengths, pitches = [], [], []
    for quarter in range(num_quarters):
        root = 48 + int(choose.choice([0, 2, 4, 5, 7, 9]))
        onsets += [quarter, quarter, quarter + 0.25, quarter + 0.5, quarter + 0.75]
        lengths += [1.0, 0.25, 0.25, 0.25, 0.25]
        pitches += [root - 12, root, root + 4, root + 7, root + 12]
    start, length = np.array(onsets), np.array(lengths)
    return Performance.from_arrays(
        np.array(pitches),
        onset_s=start / 2,
        offset_s=(start + length) / 2,
        onset_quarters=start,
        offset_quarters=start + length,
    )


def write_etudes(
    folder: Path,
    piece: Callable[[int], Performance] = etude,
    *,
    composers: Sequence[str] = ("Prober, Bo", "Tester, Ada"),
    title: str = "Etude",
    number: int = 12,
) -> Path:
    """Write small pieces, the composers taking turns."""
    for which in range(number):
        composer = composers[which % len(composers)]
        write_midi(piece(which), folder / f"{composer}, {title} No.{which} in C, id{which}.mid")
    return folder


@pytest.fixture(scope="session")
def midi_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder of a dozen small pieces, some held out by their content; one for all workers."""
    return shared_folder(tmp_path_factory, "etudes", partial(write_etudes, composers=["Tester, Ada"]))


def shared_folder(factory: pytest.TempPathFactory, name: str, fill: Callable[[Path], object]) -> Path:
    """Give a folder that the first of a session's workers fills and all of them read."""
    root = factory.getbasetemp()
    folder = (root.parent if "PYTEST_XDIST_WORKER" in os.environ else root) / name
    if not folder.is_dir():
        mine = factory.mktemp(name)
        fill(mine)
        with suppress(OSError):  # another worker was first
            mine.rename(folder)
    return folder


@pytest.fixture
def tiny(midi_folder: Path) -> list[str]:
    """Give overrides that make a whole run take seconds."""
    return tiny_settings(midi_folder)


def tiny_settings(midi_folder: Path) -> list[str]:
    """Give overrides that make a whole run on the small pieces take seconds, and sound.

    Runs on the same pieces share a cache, so what one test has trained others take from there: a
    test in which training is the matter adds `reuse=false`.
    """
    return [
        "data=folder",
        f"data.root={midi_folder}",
        f"data.cache_dir={midi_folder.parent / 'cache'}",
        "data.num_workers=1",
        "data.val_fraction=0.25",
        "epochs=1",
        "threads=1",
        "max_epochs.vq_vae=10",  # fewer would write silence
        "optimizer.vq_vae.lr=1e-2",
        "batch_size.vq_vae=8",
        "batch_size.transformer=4",
        "windows.hop_quarters=4",
        "vq_vae.num_hiddens=32",
        "vq_vae.num_residual_hiddens=4",
        "quantizer.embedding_dim=32",
        "transformer.num_layers=1",
        "transformer.num_heads=2",
        "transformer.width=16",
        "generate.num_pieces=2",
        "generate.num_quarters=16",
        "trainer=fp32",
        "trainer.log_every_n_steps=5",
    ]


@pytest.fixture
def musicgen(tmp_path: Path) -> Musicgen:
    """Give the command line in an empty folder."""
    return Musicgen(tmp_path)


@pytest.fixture(scope="session")
def tiny_run(midi_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of a small finished run."""
    folder = tmp_path_factory.mktemp("run")
    Musicgen(folder)("train", *tiny_settings(midi_folder), f"hydra.run.dir={folder / 'run'}")
    return folder / "run"
