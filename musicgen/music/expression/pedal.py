"""The sustain pedal between chords: down or up in four parts of the time to the next chord."""

from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float64, Int64

from musicgen.music.notes import Performance
from musicgen.music.score_map import ScoreMap

_PARTS = 4
PEDAL_CLASSES = 1 << _PARTS
SUSTAIN = 64  # controller
_DOWN = 64  # least value of a pedal that is down
_LAST_QUARTERS = 1.0  # taken as the time to the next chord after the last one


def pedal_classes(
    performance: Performance, *, chord_quarters: Float64[np.ndarray, " notes"]
) -> Int64[np.ndarray, " notes"]:
    """Describe the pedal after each note: bit k says whether it is down amid part k.

    Args:
        performance: Its pedals, in its quarters.
        chord_quarters: Ascending times of the chords of its notes, equal within a chord.

    Returns:
        A number from 0 (up) to 15 (down) for each note, the same within a chord.
    """
    middles = _bounds(chord_quarters)[:, :-1] + np.diff(_bounds(chord_quarters), axis=1) / 2
    score = performance.score or ScoreMap.constant()
    is_sustain = score.pedal[:, 0] == SUSTAIN
    moved = score.pedal_tick[is_sustain] / score.ticks_per_quarter
    values = np.concatenate([[0], score.pedal[is_sustain, 1]])
    is_down = values[np.searchsorted(moved, middles, side="right")] >= _DOWN
    return (is_down << np.arange(_PARTS)).sum(axis=1)


def with_pedal(
    score: ScoreMap,
    classes: Int64[np.ndarray, " notes"],
    *,
    chord_quarters: Float64[np.ndarray, " notes"],
    end_quarters: float,
) -> ScoreMap:
    """Write pedal moves that `pedal_classes` describes so; those the map has are replaced.

    Args:
        score: Whose resolution is used.
        classes: 0 to 15 for each note; of a chord's notes the first counts.
        chord_quarters: Ascending times of the notes' chords.
        end_quarters: When the pedal is let go at last.
    """
    first = np.flatnonzero(np.diff(chord_quarters, prepend=-1.0) > 0)
    begins = _bounds(chord_quarters)[first, :-1].ravel()
    is_down: Bool[np.ndarray, " parts"] = ((classes[first, None] >> np.arange(_PARTS)) & 1).ravel() == 1
    moves = np.flatnonzero(np.diff(is_down, prepend=False))
    quarters, values = begins[moves], np.where(is_down[moves], 127, 0)
    if len(is_down) and is_down[-1]:
        quarters, values = np.append(quarters, max(end_quarters, begins[-1])), np.append(values, 0)
    tick = np.rint(quarters * score.ticks_per_quarter).astype(np.int64)
    pedal = np.stack([np.full(len(values), SUSTAIN), values], axis=1).astype(np.int64)
    return replace(score, pedal_tick=tick, pedal=pedal)


def _bounds(chord_quarters: Float64[np.ndarray, " notes"]) -> Float64[np.ndarray, "notes bounds"]:
    """Return where the parts after each note's chord begin, and where the last one ends."""
    times, place = np.unique(chord_quarters, return_inverse=True)
    length = np.diff(times, append=times[-1:] + _LAST_QUARTERS)
    return (times[:, None] + length[:, None] * np.arange(_PARTS + 1) / _PARTS)[place]


def pedal_spans(
    performance: Performance,
) -> tuple[Float64[np.ndarray, " spans"], Float64[np.ndarray, " spans"]]:
    """Return when the sustain pedal goes down and comes up, in seconds; it comes up as the piece ends."""
    score = performance.score or ScoreMap.constant()
    is_sustain = score.pedal[:, 0] == SUSTAIN
    is_down = score.pedal[is_sustain, 1] >= _DOWN
    end_s = performance.duration_s
    moved_s = np.minimum(score.seconds(score.pedal_tick[is_sustain]), end_s)
    change = np.flatnonzero(np.diff(is_down, prepend=False))
    begin = moved_s[change[is_down[change]]]
    end = moved_s[change[~is_down[change]]]
    return begin, np.append(end, np.full(len(begin) - len(end), end_s))
