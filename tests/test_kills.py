"""A run that is killed at any moment, any number of times, ends as the one that was left alone."""

import json
import random
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
import torch

from tests.command import Musicgen, begin

MOMENTS = ("prepare", "vq_vae", "transformer", "generate", "evaluate")
pytestmark = [pytest.mark.faults, pytest.mark.slow]


@pytest.fixture(scope="module")
def settings(midi_folder: Path) -> list[str]:
    """Give overrides of a run whose stages take a second each."""
    return [
        "data=folder",
        f"data.root={midi_folder}",
        "data.cache_dir=cache",
        "data.num_workers=1",
        "data.val_fraction=0.25",
        "epochs=3",
        "threads=1",
        "batch_size.vq_vae=8",
        "batch_size.transformer=4",
        "windows.hop_quarters=4",
        "vq_vae.num_hiddens=8",
        "vq_vae.num_residual_hiddens=4",
        "quantizer.embedding_dim=8",
        "transformer.num_layers=1",
        "transformer.num_heads=2",
        "transformer.width=16",
        "generate.num_quarters=16",
        "trainer=fp32",
        "trainer.accelerator=cpu",
        "hydra.run.dir=run",
    ]


@pytest.fixture(scope="module")
def undisturbed(settings: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    Musicgen(folder)("train", *settings)
    return folder / "run"


def has_begun(run: Path, moment: str) -> bool:
    """Tell by what lies in its folder whether a run has come to a stage."""
    marks = {
        "prepare": run.parent,
        "vq_vae": run / "environment.json",
        "transformer": run / "checkpoints" / "transformer-last.ckpt",
        "generate": run / "generated",
        "evaluate": run / "generated" / "003.mid",
    }
    return marks[moment].exists()


def kill_soon_after(process: BaseProcess, run: Path, moment: str, delay_s: float) -> bool:
    """Kill a run a little after it has come to a stage; tell whether it was still alive."""
    while process.is_alive() and not has_begun(run, moment):
        time.sleep(0.002)
    process.join(delay_s)
    was_alive = process.is_alive()
    process.kill()
    process.join()
    return was_alive


def same_tensors(a: Path, b: Path) -> bool:
    left, right = (torch.load(path, weights_only=True)["state_dict"] for path in (a, b))
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def assert_equal(run: Path, expected: Path) -> None:
    assert (run / "metrics.json").read_bytes() == (expected / "metrics.json").read_bytes()
    for path in sorted(expected.glob("generated/*")):
        assert (run / "generated" / path.name).read_bytes() == path.read_bytes(), path.name
    for path in sorted(expected.glob("checkpoints/*.ckpt")):
        assert same_tensors(run / "checkpoints" / path.name, path), path.name
    left = {str(path.relative_to(run)) for path in run.rglob("*.ckpt")}
    assert left == {str(path.relative_to(expected)) for path in expected.rglob("*.ckpt")}


@pytest.mark.gate
def test_the_same_seed_gives_the_same_bytes(
    musicgen: Musicgen, settings: list[str], undisturbed: Path, tmp_path: Path
):
    musicgen("train", *settings)
    assert_equal(tmp_path / "run", undisturbed)
    assert len(json.loads((tmp_path / "run" / "metrics.json").read_text())) > 20


@pytest.mark.gate
def test_a_run_killed_again_and_again_ends_as_the_one_left_alone(
    musicgen: Musicgen, settings: list[str], undisturbed: Path, tmp_path: Path, fault_round: int
):
    choose = random.Random(fault_round)
    moments = ["vq_vae", "transformer", choose.choice(["prepare", "generate", "evaluate"])]
    killed = []
    for moment in sorted(moments, key=MOMENTS.index):
        files = [tmp_path / "stdout", tmp_path / "stderr"]
        process = begin(("train", *settings, "ckpt_path=last"), folder=tmp_path, files=files)
        if kill_soon_after(process, tmp_path / "run", moment, choose.uniform(0, 0.3)):
            killed.append(moment)
    assert {"vq_vae", "transformer"} <= set(killed)
    musicgen("train", *settings, "ckpt_path=last")
    assert_equal(tmp_path / "run", undisturbed)
    assert not (tmp_path / "run" / "error.txt").exists()
