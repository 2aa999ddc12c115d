"""Measure a run: its pieces one by one, and its autoencoder on correctly drawn music."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from musicgen.checkpoint import load_autoencoder
from musicgen.data.prepare import Prepared
from musicgen.data.store.packed import PackedPieces
from musicgen.measure.evaluate import reconstruction_metrics
from musicgen.measure.music import describe
from musicgen.music.grid import ClockGrid, from_packed
from musicgen.music.midi import SilentMidiError
from musicgen.music.theory.harmony import describe_harmony
from musicgen.pipeline.status import read_status
from musicgen.reports.runs.runs import Run, load_runs
from reproduction.sweeps import Inputs, Key, Sweep

READINGS_FILE = "readings.json"
READINGS_VERSION = 1  # raise it whenever other metrics come out
COMPARED_QUARTERS = 128  # of every piece, real or generated: structure grows with length
NAN = float("nan")

Metrics = dict[str, float]


@dataclass(frozen=True)
class Reading:
    """What a finished run reached.

    Attributes:
        key: Its arm, epochs and seed.
        run: Its folder, read.
        whole: Its autoencoder on the held-out pieces, drawn correctly.
        held_out: The same, piece by piece.
        generated: Metrics of the music of each generated piece.
        commit: Of the program that ran it.
        seconds: Of its stages, those taken from other runs left out.
    """

    key: Key
    run: Run
    whole: Metrics
    held_out: list[Metrics]
    generated: list[Metrics]
    commit: str
    seconds: float

    @property
    def metrics(self) -> Metrics:
        """The run's `metrics.json`."""
        return self.run.metrics


def correct_pieces(inputs: Inputs, *extra: str) -> Prepared:
    """Prepare the pieces of the study on the correct grid, whatever an arm was trained on.

    Args:
        inputs: Where things come from.
        extra: Further settings of `musicgen prepare`.
    """
    from hydra import compose, initialize_config_dir

    from musicgen.cli.shared.pieces import prepared_pieces
    from musicgen.config.tree import config_dir

    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        config = compose("prepare", overrides=[*inputs.data, "grid=clock", *extra])
    return prepared_pieces(config)


def read_sweeps(sweeps: Iterable[Sweep], held_out: PackedPieces) -> list[Reading]:
    """Measure all runs that are done; what was measured before is read again."""
    return [
        _read(run, key, held_out)
        for sweep in sweeps
        if sweep.folder.is_dir() and any(sweep.folder.rglob("metrics.json"))
        for run in load_runs(sweep.folder)
        if run.status == "done" and (key := _key(run, sweep.keys)) is not None
    ]


def music_metrics(path: Path) -> Metrics:
    """Measure the music of a file's first 128 quarters on the grid; empty for silence."""
    try:
        packed = ClockGrid().read(path).packed[:COMPARED_QUARTERS]
    except SilentMidiError:
        return {}
    piece = from_packed(packed)
    return describe(piece) | describe_harmony(piece) if len(piece) else {}


def _key(run: Run, keys: Sequence[Key]) -> Key | None:
    """Find which run of a sweep a folder is; None if the study does not ask for it."""
    if len(keys) == 1:
        return keys[0]
    key = (run.choices.get("experiment", ""), int(run.config["epochs"]), int(run.config["seed"]))
    return key if key in keys else None


def _read(run: Run, key: Key, held_out: PackedPieces) -> Reading:
    path = run.folder / READINGS_FILE
    kept: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    if kept.get("version") != READINGS_VERSION:
        kept = {"version": READINGS_VERSION, **_measure(run, held_out)}
        path.write_text(json.dumps(kept) + "\n")
    status = read_status(run.folder)
    return Reading(
        key=key,
        run=run,
        whole=kept["whole"],
        held_out=kept["held_out"],
        generated=kept["generated"],
        commit=kept["commit"],
        seconds=sum(status.seconds.values()) if status else 0.0,
    )


def _measure(run: Run, held_out: PackedPieces) -> dict[str, Any]:
    network = load_autoencoder(run.folder)
    singles = [_single(held_out, number) for number in range(len(held_out.pieces))]
    return {
        "whole": reconstruction_metrics(network.module, held_out),
        "held_out": [reconstruction_metrics(network.module, single) for single in singles],
        "generated": [music_metrics(path) for path in run.pieces],
        "commit": network.description["git_commit"] or "",
    }


def _single(pieces: PackedPieces, number: int) -> PackedPieces:
    packed = np.array(pieces.piece(number))
    return PackedPieces(packed, starts=np.array([0, len(packed)]), pieces=[pieces.pieces[number]])
