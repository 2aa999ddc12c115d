"""Loops of a fixed number of bars, found in pieces and repeated, so that a prior learns music that closes."""

import logging
from dataclasses import replace

import numpy as np
from jaxtyping import Float, Int64, UInt32

from musicgen.data.catalogue.pieces import Piece
from musicgen.data.prepare import Prepared
from musicgen.data.store.packed import PackedPieces
from musicgen.files.progress_bar import track
from musicgen.music.grid import from_packed
from musicgen.music.metrics.bars import QUARTERS_PER_BAR
from musicgen.music.metrics.selfsimilarity import harmony_similarity_matrix

logger = logging.getLogger(__name__)

LEAST_RETURN = 0.6
"""How far the bar behind a loop must be like its first bar: correlation of pitch classes, -1 to 1."""

TIMES = 2
"""A loop is played so often in training, so that windows hold its seam."""

_HALVES_PER_BAR = 2
_QUARTERS_PER_HALF = QUARTERS_PER_BAR // _HALVES_PER_BAR


def in_loops(prepared: Prepared, *, bars: int, progress: bool = True) -> Prepared:
    """Replace the pieces of all splits by the loops in them, each played twice.

    The slices are held in memory, 352 bytes a quarter. Pieces without a loop are left out.

    Args:
        prepared: The pieces.
        bars: Length of a loop in bars of four quarters.
        progress: Show a bar.

    Returns:
        Pieces of twice as many bars; several may come from one file.

    Raises:
        ValueError: No training piece holds a loop of this length.
    """
    splits = {
        name: _loops_of(pieces, bars=bars, name=name, progress=progress)
        for name, pieces in prepared.splits.items()
    }
    if not len(splits["train"]):
        raise ValueError(
            f"data.loops={bars}: no training piece returns to a bar after {bars} bars; use 4, or null for "
            "whole pieces"
        )
    return replace(prepared, splits=splits)


def find_loops(
    packed: UInt32[np.ndarray, "quarters pitches"], *, bars: int, least_return: float = LEAST_RETURN
) -> list[tuple[int, float]]:
    """Find passages of `bars` bars after which music returns to their first bar.

    A passage closes on itself as far as the pitch classes of the bar behind it correlate with those of its
    first bar (Han et al. 2021 look for the same correlation in audio). Passages may begin at half bars;
    of those that overlap the one that closes best is kept.

    Args:
        packed: Packed slices of a piece.
        bars: Length of a loop, 1 or more.
        least_return: Least mean correlation of the half bars, -1 to 1.

    Returns:
        First quarter and correlation of each loop, in order.
    """
    closing = _closing(packed, halves=bars * _HALVES_PER_BAR)
    taken: list[tuple[int, float]] = []
    length = bars * QUARTERS_PER_BAR
    for half in np.argsort(-closing, kind="stable").tolist():
        start = half * _QUARTERS_PER_HALF
        if closing[half] < least_return:
            break
        if all(abs(start - other) >= length for other, _ in taken):
            taken.append((start, float(closing[half])))
    return sorted(taken)


def _closing(packed: UInt32[np.ndarray, "quarters pitches"], *, halves: int) -> Float[np.ndarray, " starts"]:
    """Correlate the bar at each half bar with the one `halves` half bars later."""
    likeness = harmony_similarity_matrix(from_packed(packed))
    starts = len(likeness) - halves - _HALVES_PER_BAR + 1
    if starts < 1:
        return np.zeros(0)
    apart = np.diagonal(likeness, offset=halves)
    return np.lib.stride_tricks.sliding_window_view(apart, _HALVES_PER_BAR)[:starts].mean(axis=1)


def _loops_of(pieces: PackedPieces, *, bars: int, name: str, progress: bool) -> PackedPieces:
    length = bars * QUARTERS_PER_BAR
    cut: list[UInt32[np.ndarray, "quarters pitches"]] = []
    sources: list[Piece] = []
    numbers = range(len(pieces.pieces))
    for number in track(
        numbers, description=f"Looking for loops in {name}", total=len(numbers), shown=progress
    ):
        packed = np.asarray(pieces.piece(number))
        for start, _ in find_loops(packed, bars=bars):
            loop = packed[start : start + length]
            cut.append(np.tile(loop, (TIMES, 1)))
            sources.append(pieces.pieces[number])
    logger.info("%s: %d loops of %d bars in %d pieces", name, len(cut), bars, len(pieces.pieces))
    starts: Int64[np.ndarray, " boundaries"] = np.arange(len(cut) + 1, dtype=np.int64) * length * TIMES
    whole = np.concatenate([*cut, np.empty((0, *pieces.packed.shape[1:]), pieces.packed.dtype)])
    return PackedPieces(whole, starts=starts, pieces=sources, ticks=pieces.ticks)
