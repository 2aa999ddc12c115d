"""Nominal bars and positions of notes."""

import numpy as np
from jaxtyping import Float, Int

from musicgen.music.notes import Performance
from musicgen.music.packing import TICKS_PER_QUARTER

QUARTERS_PER_BAR = 4
"""Bars are nominal: four quarters of the file's tempo map, since transcriptions have no beats."""

POSITIONS_PER_QUARTER = 4
"""Sixteen positions per bar, the resolution of Wu and Yang's grooving pattern as it is used here."""

_ON_THE_LINE = 1e-6  # quarters: what floating point may add to a time that lies exactly on a line


def first_quarter(performance: Performance) -> float:
    """Return the quarter of the first onset, from which bars are counted.

    The same line that the grid cuts from, so that a piece and its slices have the same bars: an
    onset less than half a tick before a quarter belongs to it. NaN for silence.
    """
    if len(performance) == 0:
        return float("nan")
    return float(np.rint(performance.onset_quarters[0] * TICKS_PER_QUARTER) // TICKS_PER_QUARTER)


def times_from_first_quarter(
    performance: Performance,
) -> tuple[Float[np.ndarray, " notes"], Float[np.ndarray, " notes"]]:
    """Give onsets and offsets in quarters from the first quarter's line, never before it."""
    start = first_quarter(performance)
    onset = np.maximum(performance.onset_quarters - start, 0.0)
    return onset, np.maximum(performance.offset_quarters - start, onset)


def onset_positions(
    performance: Performance, *, positions_per_quarter: int = POSITIONS_PER_QUARTER
) -> Int[np.ndarray, " notes"]:
    """Return the position in which each note begins, counted from the first quarter's line."""
    onset, _ = times_from_first_quarter(performance)
    return np.floor(onset * positions_per_quarter + _ON_THE_LINE).astype(np.int64)


def sampled_spans(
    performance: Performance, *, positions_per_quarter: int = POSITIONS_PER_QUARTER
) -> tuple[Int[np.ndarray, " spans"], Int[np.ndarray, " spans"], Int[np.ndarray, " spans"]]:
    """Return start position, end position and pitch of each sounding span.

    A note sounds at the instants from its onset to before its offset. Notes of one pitch that
    overlap are joined, so that no pitch counts twice. Notes between two instants have no span.
    """
    onset, offset = times_from_first_quarter(performance)
    order = np.lexsort((onset, performance.pitch))
    pitch = performance.pitch[order].astype(np.int64)
    start = np.ceil(onset[order] * positions_per_quarter - _ON_THE_LINE).astype(np.int64)
    stop = np.ceil(offset[order] * positions_per_quarter - _ON_THE_LINE).astype(np.int64)
    is_sampled = stop > start
    pitch, start, stop = pitch[is_sampled], start[is_sampled], stop[is_sampled]
    if len(pitch) == 0:
        return start, stop, pitch
    # One line for all pitches, each on its own stretch, makes the running end one accumulate.
    stretch = int(stop.max()) + 1
    line_start, line_stop = start + pitch * stretch, np.maximum.accumulate(stop + pitch * stretch)
    begins = np.concatenate([[True], line_start[1:] > line_stop[:-1]])
    ends = np.concatenate([begins[1:], [True]])
    return start[begins], line_stop[ends] - pitch[ends] * stretch, pitch[begins]
