"""Loops: found where music returns to its beginning, and repeated."""

from pathlib import Path

import numpy as np
import pytest

from musicgen.data.catalogue.pieces import Piece
from musicgen.data.loops import TIMES, find_loops, in_loops
from musicgen.data.prepare import Prepared
from musicgen.data.store.packed import PackedPieces

CHORDS = ((39, 43, 46), (44, 48, 51), (46, 50, 53), (36, 39, 43))  # no two alike in pitch classes


def bars(numbers: list[int]) -> np.ndarray:
    """Hold a chord for each bar."""
    packed = np.zeros((4 * len(numbers), 88), np.uint32)
    for bar, number in enumerate(numbers):
        packed[4 * bar : 4 * bar + 4, CHORDS[number]] = 0x7FFFFFFF
    return packed


def prepared(pieces: list[np.ndarray]) -> Prepared:
    known = [Piece(Path(f"{n}.mid"), f"{n:064x}", "Ada", "Ada", "A", "modern") for n in range(len(pieces))]
    starts = np.cumsum([0, *map(len, pieces)])
    split = PackedPieces(np.concatenate(pieces), starts=starts, pieces=known)
    splits = {"train": split, "val": split, "test": PackedPieces.empty()}
    return Prepared(pieces=known, splits=splits, summary={})


def test_a_loop_is_a_passage_after_which_its_first_bar_comes_again() -> None:
    once = find_loops(bars([0, 1, 2, 3, 0]), bars=4)
    assert [start for start, _ in once] == [0]
    assert once[0][1] == pytest.approx(1.0, abs=0.01)
    assert find_loops(bars([0, 1, 2, 3, 2]), bars=4) == []
    assert find_loops(bars([0, 1]), bars=4) == []
    assert find_loops(np.zeros((40, 88), np.uint32), bars=4) == []


def test_loops_do_not_overlap() -> None:
    starts = [start for start, _ in find_loops(bars([0, 1, 2, 3] * 4), bars=4)]
    assert len(starts) == 3
    assert (np.diff(starts) >= 16).all()


def test_pieces_become_their_loops_played_twice() -> None:
    whole = bars([0, 1, 2, 3, 0])
    loops = in_loops(prepared([whole, bars([0, 1, 2, 3, 2])]), bars=4, progress=False).splits
    assert [piece.path.name for piece in loops["train"].pieces] == ["0.mid"]
    np.testing.assert_array_equal(loops["train"].piece(0), np.tile(whole[:16], (TIMES, 1)))
    assert len(loops["test"]) == 0


def test_pieces_without_loops_are_refused() -> None:
    with pytest.raises(ValueError, match="no training piece returns"):
        in_loops(prepared([bars([0, 1, 2, 3, 2])]), bars=4, progress=False)
