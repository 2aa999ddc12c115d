"""Many pieces of few: files under new content by transposition and tempo, edited as bytes."""

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from musicgen.music.midi.chunks import read_chunks

TRANSPOSITIONS = (0, 1, -1, 2, -2, 3, -3)  # semitones
TEMPOS = (1.0, 0.85, 1.15, 0.9, 1.1, 0.95, 1.05)  # factors on the ticks per quarter; the longest pieces early
_HEADER_BYTES = 14


def write_variants(files: Sequence[Path], folder: Path, *, count: int) -> None:
    """Write as many distinct files as wanted: all originals, then all of them at another tempo, and so on.

    Tempos go first, so that a few thousand variants have pieces as long as many thousand.

    Args:
        files: MIDI files, distinct ones.
        folder: Where they go, 1,000 to a subfolder.
        count: How many, at most 49 times as many as there are files.

    Raises:
        ValueError: More are wanted than there are variants.
    """
    most = len(files) * len(TRANSPOSITIONS) * len(TEMPOS)
    if count > most:
        raise ValueError(f"count={count}, but {len(files)} files have {most} variants; use {most} or less")
    for number, (path, semitones, tempo) in enumerate(itertools.islice(_variants(files), count)):
        into = folder / f"{number // 1000:04d}"
        into.mkdir(parents=True, exist_ok=True)
        data = moved(path.read_bytes(), semitones=semitones, tempo=tempo)
        (into / f"{path.stem} {semitones:+d} {tempo}{path.suffix}").write_bytes(data)


def _variants(files: Sequence[Path]) -> Iterator[tuple[Path, int, float]]:
    for semitones, tempo in itertools.product(TRANSPOSITIONS, TEMPOS):
        for path in files:
            yield path, semitones, tempo


def moved(data: bytes, *, semitones: int, tempo: float) -> bytes:
    """Transpose a MIDI file, and change how many of its ticks make a quarter.

    Args:
        data: The file's bytes.
        semitones: Up, or down if negative; notes stay within 0 to 127.
        tempo: Factor on the ticks per quarter: above 1 the piece has fewer quarters.
    """
    _, events = read_chunks(data)
    content = np.frombuffer(data, np.uint8).copy()
    notes = events.position[events.status >> 5 == 4]  # 0x80 to 0x9F: note_off and note_on
    content[notes] = np.clip(content[notes].astype(np.int16) + semitones, 0, 127)
    ticks = round(int.from_bytes(data[12:14], "big") * tempo)
    return data[:12] + ticks.to_bytes(2, "big") + content.tobytes()[_HEADER_BYTES:]
