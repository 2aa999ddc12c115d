"""What the grid keeps of performed music: the notes of real files, there and back."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from musicgen.music.grid import from_packed, from_slices, to_packed, to_slices
from musicgen.music.midi import read_midi
from musicgen.music.notes import Performance
from musicgen.music.packing import TICKS_PER_QUARTER
from tests.real_files import one_file_in


def onsets(piece: Performance, *, first_quarter: int) -> np.ndarray:
    """Number the notes by tick and pitch, those alike by their count, so that sets of them compare."""
    ticks = np.rint((piece.onset_quarters + first_quarter) * TICKS_PER_QUARTER).astype(np.int64)
    keys = np.sort(ticks * 128 + piece.pitch)
    alike = np.arange(len(keys)) - np.searchsorted(keys, keys)
    return keys * 1024 + alike


def through_slices(piece: Performance) -> Performance:
    return from_slices(to_slices(piece))


def through_packed(piece: Performance) -> Performance:
    """Go the same way bit-packed, in a tenth of the time."""
    return from_packed(to_packed(piece))


def kept(path: Path, way: Callable[[Performance], Performance]) -> tuple[int, int]:
    """Give how many notes of a file come back at the right tick, and how many there are."""
    piece = read_midi(path)
    there = onsets(piece, first_quarter=0)
    back = onsets(way(piece), first_quarter=int(there[0] // (1024 * 128 * TICKS_PER_QUARTER)))
    return len(np.intersect1d(there, back, assume_unique=True)), len(there)


def share_kept(paths: list[Path], way: Callable[[Performance], Performance]) -> float:
    matched, total = np.sum([kept(path, way) for path in paths], axis=0)
    return matched / total


def test_98_of_100_notes_come_back_at_the_right_tick(some_real_files: list[Path]):
    assert share_kept(some_real_files, through_slices) >= 0.98
    assert min(share_kept([path], through_packed) for path in some_real_files) >= 0.95


@one_file_in(4)
def test_98_of_100_notes_of_all_files_come_back_at_the_right_tick(giantmidi_root: Path, one_in: int):
    paths = sorted(giantmidi_root.glob("*.mid"))
    assert len(paths) >= 857
    assert share_kept(paths[::one_in], through_packed) >= 0.98
