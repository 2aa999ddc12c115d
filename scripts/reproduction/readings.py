"""Measure a run: its pieces one by one, and its autoencoder on correctly drawn music."""

import json
from collections.abc import Iterable, Mapping
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
from reproduction.jobs import METRICS_FILE, Inputs, Job
from reproduction.runner import TIME_FILE

READINGS_FILE = "readings.json"
READINGS_VERSION = 1  # raise it whenever other metrics come out
COMPARED_QUARTERS = 128  # of every piece, real or generated: structure grows with the length that is heard

Metrics = dict[str, float]


@dataclass(frozen=True)
class Reading:
    """What a finished job came to.

    Attributes:
        job: The job.
        metrics: Its `metrics.json`; empty where it only generated.
        whole: Its autoencoder on the held-out pieces, drawn correctly.
        held_out: The same, piece by piece.
        generated: Metrics of the music of each generated piece.
        commit: Of the program that ran it.
        wall_s: Seconds by the clock.
    """

    job: Job
    metrics: Metrics
    whole: Metrics
    held_out: list[Metrics]
    generated: list[Metrics]
    commit: str
    wall_s: float

    @property
    def pieces(self) -> list[Path]:
        """List the generated MIDI files."""
        return generated_files(self.job)


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


def read_jobs(jobs: Iterable[Job], held_out: PackedPieces) -> list[Reading]:
    """Measure all jobs that are done; what was measured before is read again."""
    return [_read(job, held_out) for job in jobs if job.is_done]


def music_metrics(path: Path) -> Metrics:
    """Give all scalar metrics of a file's first 128 quarters on the grid; none for silence."""
    try:
        packed = ClockGrid().read(path).packed[:COMPARED_QUARTERS]
    except SilentMidiError:
        return {}
    piece = from_packed(packed)
    return describe(piece) | describe_harmony(piece) if len(piece) else {}


def generated_files(job: Job) -> list[Path]:
    """List the MIDI files that a job wrote."""
    folder = job.folder if job.arguments[0] == "generate" else job.folder / "generated"
    return sorted(folder.glob("*.mid"))


def _read(job: Job, held_out: PackedPieces) -> Reading:
    path = job.folder / READINGS_FILE
    kept: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    if kept.get("version") != READINGS_VERSION:
        kept = {"version": READINGS_VERSION, **_measure(job, held_out)}
        path.write_text(json.dumps(kept) + "\n")
    metrics = job.folder / METRICS_FILE
    took = job.folder / TIME_FILE
    return Reading(
        job=job,
        metrics=_numbers(json.loads(metrics.read_text())) if metrics.is_file() else {},
        whole=kept["whole"],
        held_out=kept["held_out"],
        generated=kept["generated"],
        commit=kept["commit"],
        wall_s=json.loads(took.read_text())["wall_s"] if took.is_file() else float("nan"),
    )


def _measure(job: Job, held_out: PackedPieces) -> dict[str, Any]:
    generated = [music_metrics(path) for path in generated_files(job)]
    if not (job.folder / "checkpoints").is_dir():
        return {"whole": {}, "held_out": [], "generated": generated, "commit": ""}
    network = load_autoencoder(job.folder)
    singles = [_single(held_out, number) for number in range(len(held_out.pieces))]
    return {
        "whole": reconstruction_metrics(network.module, held_out),
        "held_out": [reconstruction_metrics(network.module, single) for single in singles],
        "generated": generated,
        "commit": network.description["git_commit"] or "",
    }


def _single(pieces: PackedPieces, number: int) -> PackedPieces:
    packed = np.array(pieces.piece(number))
    return PackedPieces(packed, starts=np.array([0, len(packed)]), pieces=[pieces.pieces[number]])


def _numbers(metrics: Mapping[str, float | None]) -> Metrics:
    return {name: float("nan") if value is None else float(value) for name, value in metrics.items()}
