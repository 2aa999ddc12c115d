"""Notes as rows of numbers: what the page draws and edits, and the performance that they stand for."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from musicgen.music.notes import HIGHEST_PITCH, LOWEST_PITCH, Performance
from musicgen.music.packing import TICKS_OF_ALL_GRIDS
from musicgen.music.score_map import ScoreMap
from musicgen.studio.limits import Limits, RefusedError

Row = tuple[int, float, float, int]  # pitch, onset and duration in quarters, velocity
_TICK_QUARTERS = 1 / 32
_MAX_TICKS_PER_QUARTER = 0x7FFF


def rows_of(performance: Performance) -> list[Row]:
    """List the notes by onset, then pitch: pitch, onset and duration in quarters, velocity."""
    return [
        (pitch, round(onset, 6), round(offset - onset, 6), velocity)
        for pitch, onset, offset, velocity in zip(
            performance.pitch.tolist(),
            performance.onset_quarters.tolist(),
            performance.offset_quarters.tolist(),
            performance.velocity.tolist(),
            strict=True,
        )
    ]


def checked_rows(rows: Any, *, limits: Limits) -> list[Row]:
    """Read rows that a page sent.

    Raises:
        RefusedError: They are no notes, or too many.
    """
    if not isinstance(rows, list):
        raise RefusedError("rows is no list of notes; send [[pitch, onset, duration, velocity], ...]")
    if len(rows) > limits.notes:
        raise RefusedError(f"{len(rows):,} notes; a piece here has at most {limits.notes:,}")
    return [_checked_row(row, limits) for row in rows]


def _checked_row(row: Any, limits: Limits) -> Row:
    is_row = isinstance(row, list) and len(row) == 4 and all(_is_number(value) for value in row)
    if not is_row:
        raise RefusedError(f"{row!r:.80} is no note; use [pitch, onset, duration, velocity]")
    pitch, onset, duration, velocity = row
    fits = (
        LOWEST_PITCH <= pitch <= HIGHEST_PITCH
        and 0 <= onset <= limits.piece_quarters
        and 1e-4 <= duration <= limits.piece_quarters
        and 1 <= velocity <= 127
    )
    if not fits or pitch != int(pitch) or velocity != int(velocity):
        raise RefusedError(
            f"the note {row} is out of range; pitch {LOWEST_PITCH} to {HIGHEST_PITCH}, onset from 0 and "
            f"duration above 0 in quarters up to {limits.piece_quarters}, velocity 1 to 127"
        )
    return int(pitch), float(onset), float(duration), int(velocity)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def from_rows(rows: Sequence[Row], *, score: ScoreMap) -> Performance:
    """Make a performance of rows, in the tempo and metre of a score map."""
    score = on_the_grid(score)
    columns = [np.array([row[place] for row in rows], np.float64) for place in range(4)]
    pitch, onset, duration, velocity = columns
    ticks = score.ticks_per_quarter
    begin = np.rint(onset * ticks)
    end = np.maximum(np.rint((onset + duration) * ticks), begin + 1)
    return Performance.from_arrays(
        pitch,
        onset_s=score.seconds(begin),
        offset_s=score.seconds(end),
        onset_quarters=begin / ticks,
        offset_quarters=end / ticks,
        velocity=velocity,
        score=score,
    )


def found_again(
    places: Sequence[tuple[int, float]], performance: Performance
) -> tuple[tuple[int, float], ...]:
    """Find notes by pitch and onset where onsets may have gone to the nearest tick since.

    Returns:
        Pitch and onset of the notes as `rows_of` lists them; those that are not there are left out.
    """
    onsets: dict[int, list[float]] = {}
    for pitch, onset, _, _ in rows_of(performance):
        onsets.setdefault(pitch, []).append(onset)
    found = []
    for pitch, onset in places:
        near = min(onsets.get(pitch, []), key=lambda one: abs(one - onset), default=math.inf)
        if abs(near - onset) < _TICK_QUARTERS:
            found.append((pitch, near))
    return tuple(dict.fromkeys(found))


def on_the_grid(score: ScoreMap) -> ScoreMap:
    """Return the map in ticks that any grid's ticks are whole numbers of, where a file can write them."""
    common = math.lcm(score.ticks_per_quarter, TICKS_OF_ALL_GRIDS)
    return score if common > _MAX_TICKS_PER_QUARTER else score.rescaled(common)


def clock_of(score: ScoreMap, quarters: float) -> list[list[float]]:
    """List places in quarters and their seconds, between which time runs evenly; the last is the end."""
    ticks = score.tempo_tick[score.tempo_tick < quarters * score.ticks_per_quarter]
    at = np.concatenate([ticks / score.ticks_per_quarter, [max(quarters, 1.0)]])
    seconds = score.seconds(at * score.ticks_per_quarter)
    return [[round(q, 6), round(s, 6)] for q, s in zip(at.tolist(), seconds.tolist(), strict=True)]


def common_start(old: Sequence[Row], new: Iterable[Row]) -> int:
    """Count the rows at the beginning that are the same."""
    count = 0
    for before, after in zip(old, new, strict=False):
        if before != after:
            break
        count += 1
    return count
