"""Decide from probabilities which cells sound: notes begin where it is sure and last while it is likely."""

import numpy as np

from musicgen.music.packing import TICKS_PER_QUARTER, PackedSlices, pack, unpack

BEGIN_PROBABILITY = 0.6  # of a cell that may carry a note
HOLD_PROBABILITY = 0.25  # of the cells around it that belong to the note


def sounding_runs(sure: PackedSlices, likely: PackedSlices) -> PackedSlices:
    """Keep the runs of likely cells that hold at least one sure cell.

    One threshold breaks a held note wherever its probability dips, and each crumb counts as an onset. Two
    thresholds, as in Canny 1986, section VII ("hysteresis"), leave the note whole.

    Args:
        sure: Cells above `BEGIN_PROBABILITY`, packed slices (quarters, 88) of consecutive quarters.
        likely: Cells above `HOLD_PROBABILITY`, of the same shape; sure cells are among them.

    Returns:
        Packed slices of the cells that sound.
    """
    lines = _lines(likely)
    at = np.flatnonzero(lines)
    begins = (np.diff(at, prepend=-2) > 1) | (at % lines.shape[1] == 0)
    run = np.cumsum(begins) - 1
    kept = np.zeros(int(begins.sum()), bool)
    kept[run[_lines(sure).ravel()[at]]] = True
    sounding = np.zeros_like(lines)
    sounding.ravel()[at[kept[run]]] = True
    return pack(sounding.reshape(len(lines), len(likely), TICKS_PER_QUARTER).transpose(1, 0, 2))


def _lines(packed: PackedSlices) -> np.ndarray:
    """Lay the quarters of each pitch end to end: bool (88, ticks)."""
    lines = np.ascontiguousarray(unpack(packed).transpose(1, 0, 2))
    return lines.reshape(packed.shape[1], len(packed) * TICKS_PER_QUARTER)
