"""Many pieces out of few: transposed and retimed copies of MIDI files, each with content of its own."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import mido

TRANSPOSITIONS = (0, 1, -1, 2, -2, 3, -3)  # semitones
TEMPOS = (1.0, 0.85, 1.15, 0.9, 1.1, 0.95, 1.05)  # factors on the ticks per quarter; the longest pieces early


def write_variants(files: Sequence[Path], folder: Path, *, count: int) -> None:
    """Write `count` distinct files: all originals, then all of them at another tempo, and so on.

    Tempos vary before transpositions, so that a few thousand variants are as long as many thousand.

    Args:
        files: Distinct MIDI files.
        folder: Output folder; each subfolder gets 1,000 files.
        count: Number of files to write, at most 49 times the number of originals.

    Raises:
        ValueError: `count` exceeds the number of variants.
    """
    most = len(files) * len(TRANSPOSITIONS) * len(TEMPOS)
    if count > most:
        raise ValueError(f"count={count}, but {len(files)} files have {most} variants; use {most} or less")
    variants = itertools.product(TRANSPOSITIONS, TEMPOS, files)
    for number, (semitones, tempo, path) in enumerate(itertools.islice(variants, count)):
        into = folder / f"{number // 1000:04d}"
        into.mkdir(parents=True, exist_ok=True)
        varied(path, semitones=semitones, tempo=tempo).save(
            into / f"{path.stem} {semitones:+d} {tempo}{path.suffix}"
        )


def varied(path: Path, *, semitones: int, tempo: float) -> mido.MidiFile:
    """Read a MIDI file, transpose it, and multiply its ticks per quarter.

    Args:
        path: The file.
        semitones: Upwards, or downwards if negative; notes stay within 0 to 127.
        tempo: Factor on the ticks per quarter: above 1 the piece has fewer quarters.
    """
    file = mido.MidiFile(path)
    file.ticks_per_beat = round(file.ticks_per_beat * tempo)
    for message in itertools.chain.from_iterable(file.tracks):
        if message.type in ("note_on", "note_off"):
            message.note = min(127, max(0, message.note + semitones))
    return file
