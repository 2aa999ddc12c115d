"""What do denoising and sparsity do to a transcriber's noise? Bottlenecks, trained with and without noise.

    python scripts/transcriber_noise.py runs=outputs/transcriber_noise data=chorales also="epochs=1 threads=1"

Held-out pieces lose notes, gain octave errors and short false notes, and have onsets moved by a tick. Each
autoencoder reads and reconstructs them as they are then; F1 is against the clean piece, onsets within 50 ms.
The sweep is one of `musicgen train`: the same command resumes it.
"""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from settings import read_settings

from musicgen.checkpoint import load_autoencoder
from musicgen.cli.shared.pieces import prepared_pieces
from musicgen.config.build import build
from musicgen.config.tree import plain, read_run_config
from musicgen.data.batches.slices import SliceBatch
from musicgen.measure.reconstruction import OFFSET_RATIO
from musicgen.models.autoencoder import Autoencoder
from musicgen.music.grid import from_packed, to_packed
from musicgen.music.metrics.note_matching import MatchCounts, note_counts
from musicgen.music.notes import HIGHEST_PITCH, LOWEST_PITCH, Performance
from musicgen.reports.runs.runs import load_runs

BOTTLENECKS = "none,gaussian,sparse,quantizer"
QUARTER_S = 0.5


@dataclass
class Settings:
    """The settings of the command line, as key=value.

    Attributes:
        runs: Where the sweep is kept.
        data: A file of conf/data.
        also: More settings of all runs, with spaces between.
        seeds: Seeds of the runs, with commas between.
        missed: Share of the notes that are missed.
        octaves: Share of the notes that are heard an octave away, too.
        short: Short false notes, as a share of the notes.
        moved: Share of the notes that begin a tick early or late.
        noise_seed: Of what is missed, added and moved.
    """

    runs: str = "outputs/transcriber_noise"
    data: str = "chorales"
    also: str = "epochs=1"
    seeds: str = "0"
    missed: float = 0.1
    octaves: float = 0.05
    short: float = 0.05
    moved: float = 0.1
    noise_seed: int = 0


def transcribed(
    piece: Performance, settings: Settings, *, tick: float, random: np.random.Generator
) -> Performance:
    """Make the mistakes of a transcriber in a piece that begins in its first quarter.

    The first note is left alone, so that the piece begins where it did.

    Args:
        piece: Its notes.
        settings: Shares of the mistakes.
        tick: Length of a tick in quarters.
        random: Draws them.
    """
    count = len(piece)
    first = np.arange(count) == 0
    onset = piece.onset_quarters + tick * random.choice((-1, 1), count) * (
        random.random(count) < settings.moved
    )
    onset = np.where(first, piece.onset_quarters, np.clip(onset, piece.onset_quarters[0], None))
    offset = np.maximum(piece.offset_quarters, onset + tick)
    heard = first | (random.random(count) >= settings.missed)
    twice = random.random(count) < settings.octaves
    octave = piece.pitch[twice] + 12 * random.choice((-1, 1), twice.sum())
    places = random.integers(count, size=round(settings.short * count))
    false = piece.pitch[places] + random.integers(-12, 13, size=len(places))
    start = piece.onset_quarters[places] + tick * random.integers(0, 8, size=len(places))
    pitch = np.concatenate([piece.pitch[heard], octave, false])
    begin = np.concatenate([onset[heard], onset[twice], start])
    end = np.concatenate([offset[heard], offset[twice], start + tick])
    is_key = (pitch >= LOWEST_PITCH) & (pitch <= HIGHEST_PITCH)
    pitch, begin, end = pitch[is_key], begin[is_key], end[is_key]
    return Performance.from_arrays(
        pitch,
        onset_s=begin * QUARTER_S,
        offset_s=end * QUARTER_S,
        onset_quarters=begin,
        offset_quarters=end,
    )


@torch.inference_mode()
def reconstructed(autoencoder: Autoencoder, packed: np.ndarray) -> Performance:
    """Pass packed slices of a piece through an autoencoder, and read the notes."""
    batch = SliceBatch.of_piece(packed, channels=autoencoder.channels, layout=autoencoder.layout)
    cells = autoencoder.cells
    drawn = cells.draw(cells.evidence(autoencoder(batch.slices).maps.float()))
    return from_packed(drawn.packed, onsets=drawn.onsets, ticks=autoencoder.layout.ticks)


def measured(
    pieces: list[np.ndarray], noisy: list[np.ndarray], through: Callable[[np.ndarray], Performance]
) -> list[float]:
    """Return precision, recall and F1 of onsets, F1 of notes, and the F1 of onsets of clean pieces."""
    clean = [from_packed(piece) for piece in pieces]
    found = [through(piece) for piece in noisy]
    pairs = list(zip(clean, found, strict=True))
    onset = MatchCounts.pooled(note_counts(one, other) for one, other in pairs)
    note = MatchCounts.pooled(note_counts(one, other, offset_ratio=OFFSET_RATIO) for one, other in pairs)
    kept = MatchCounts.pooled(
        note_counts(one, through(piece)) for one, piece in zip(clean, pieces, strict=True)
    )
    return [onset.precision, onset.recall, onset.f1, note.f1, kept.f1]


def table(settings: Settings) -> list[str]:
    """Measure all runs and what they are given, and write the rows of the table."""
    runs = [run for run in load_runs(settings.runs) if (run.folder / "checkpoints/vq_vae.ckpt").is_file()]
    config = read_run_config(runs[0].folder / ".hydra" / "config.yaml")
    prepared = prepared_pieces(config, make=lambda named: build(plain(named)))
    held_out, ticks = prepared.splits["val"], config.grid.ticks
    pieces = [np.array(held_out.piece(number)) for number in range(len(held_out.pieces))]
    random = np.random.default_rng(settings.noise_seed)
    noisy = [
        to_packed(transcribed(from_packed(piece), settings, tick=1 / ticks, random=random), ticks=ticks)
        for piece in pieces
    ]
    rows = [_row("as it is", "", "", measured(pieces, noisy, from_packed))]
    for run in sorted(runs, key=lambda run: run.folder.name):
        autoencoder = load_autoencoder(run.folder).module
        bottleneck = type(autoencoder.bottleneck).__name__
        noise = "none" if autoencoder.noise is None else "cells"
        metrics = measured(pieces, noisy, lambda piece, through=autoencoder: reconstructed(through, piece))
        rows.append(_row(bottleneck, noise, str(run.config["seed"]), metrics))
    return rows


def _row(name: str, noise: str, seed: str, metrics: list[float]) -> str:
    return "| " + " | ".join([name, noise, seed, *(f"{value:.3f}" for value in metrics)]) + " |"


def run_sweep(settings: Settings) -> int:
    """Train the autoencoders, or go on with it; return the exit status."""
    folder = Path(settings.runs)
    sweep = [f"data={settings.data}", f"bottleneck={BOTTLENECKS}", "noise=none,cells", "stages=[vq_vae]"]
    command = ["-m", *sweep, *settings.also.split(), f"seed={settings.seeds}", f"hydra.sweep.dir={folder}"]
    arguments = [f"resume={folder}"] if folder.is_dir() else command
    return subprocess.run([sys.executable, "-m", "musicgen", "train", *arguments], check=False).returncode


def main(arguments: list[str]) -> None:
    """Run what is left to run, and print the table."""
    try:
        settings = read_settings(Settings, arguments)
    except ValueError as error:
        sys.exit(f"transcriber_noise: {error}\n{__doc__}")
    failed = run_sweep(settings)
    head = [
        "through",
        "trained with noise",
        "seed",
        "precision",
        "recall",
        "onset F1",
        "note F1",
        "clean input",
    ]
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    print("\n".join(table(settings)))
    if failed:
        sys.exit("not all runs succeeded; the same command resumes them")


if __name__ == "__main__":
    main(sys.argv[1:])
