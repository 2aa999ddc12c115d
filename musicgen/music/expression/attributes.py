"""Classes of what a pianist adds to a note of the grid, and the way back."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float64, Int64

from musicgen.music.expression.pedal import PEDAL_CLASSES, pedal_classes, with_pedal
from musicgen.music.grid import from_packed, to_packed
from musicgen.music.notes import Performance
from musicgen.music.packing import TICKS_PER_QUARTER, packed_ticks
from musicgen.music.score_map import ScoreMap

_VELOCITIES_A_CLASS = 4
_TIMING_CLASSES = 16  # of the step from half a tick early to half a tick late
_RELEASE_CLASSES = (
    16  # from a tick early to a tick late: the grid lengthens short notes and parts repeated ones
)
_SHORTEST = 0.25  # tick that a note lasts at least

ATTRIBUTES: dict[str, int] = {
    "velocity": 128 // _VELOCITIES_A_CLASS,
    "timing": _TIMING_CLASSES,
    "release": _RELEASE_CLASSES,
    "pedal": PEDAL_CLASSES,
}
"""Attribute of a note to the number of its classes, in the order in which they are drawn."""

UNKNOWN = -1
"""Class of an attribute that is to be drawn."""

Classes = Int64[np.ndarray, "notes 4"]


@dataclass(frozen=True, eq=False)
class Played:
    """Notes on the grid beside what was played.

    Attributes:
        flat: The notes as the grid holds them, one velocity, no pedal, in the tempo of the performance.
        performance: The same notes in the same order as they were played, from the quarter of the first.
        classes: Class of each attribute of each note, in the order of `ATTRIBUTES`.
    """

    flat: Performance
    performance: Performance
    classes: Classes


def played_on_grid(performance: Performance, *, ticks: int = TICKS_PER_QUARTER) -> Played:
    """Put a performance on the grid and describe what is lost there.

    Args:
        performance: Notes in the quarters of a grid, before they are rounded.
        ticks: Steps per quarter of the grid.

    Raises:
        MidiError: The piece is too long for the grid.
    """
    flat = from_packed(to_packed(performance, ticks=ticks), ticks=ticks)
    if not len(flat):
        return Played(flat, performance, np.zeros((0, len(ATTRIBUTES)), np.int64))
    begin = int(np.rint(performance.onset_quarters[0] * ticks)) // ticks
    played = _shifted(_matched(performance, flat, begin=begin, ticks=ticks), begin)
    step = _VELOCITIES_A_CLASS
    timing = (played.onset_quarters - flat.onset_quarters) * ticks
    release = (played.offset_quarters - flat.offset_quarters) * ticks
    classes = np.stack(
        [
            played.velocity.astype(np.int64) // step,
            _class_of(timing, low=-0.5, high=0.5, number=_TIMING_CLASSES),
            _class_of(release, low=-1.0, high=1.0, number=_RELEASE_CLASSES),
            pedal_classes(played, chord_quarters=flat.onset_quarters),
        ],
        axis=1,
    )
    return Played(_in_tempo(flat, played.score or ScoreMap.constant()), played, classes)


def perform(
    flat: Performance, classes: Classes, *, random: np.random.Generator, ticks: int = TICKS_PER_QUARTER
) -> Performance:
    """Play notes of the grid as classes say; values are drawn evenly within each class.

    Args:
        flat: Notes on the grid.
        classes: A class for each attribute of each note.
        random: Of the draws within classes.
        ticks: Steps per quarter of the grid.

    Returns:
        The notes in the order of `flat`, except where two change places in time, with its tempo, metre and
        key, and with new pedals.
    """
    if not len(flat):
        return flat
    score = flat.score or ScoreMap.constant()
    velocity, timing, release, pedal = classes.T
    loud = velocity * _VELOCITIES_A_CLASS + random.integers(0, _VELOCITIES_A_CLASS, len(flat))
    onset = flat.onset_quarters + _value_of(timing, random, low=-0.5, number=_TIMING_CLASSES) / ticks
    offset = flat.offset_quarters + _value_of(release, random, low=-1.0, number=_RELEASE_CLASSES) / ticks
    onset = np.maximum(onset, 0.0)
    offset = np.minimum(offset, _next_onsets(flat.pitch, onset))
    offset = np.maximum(offset, onset + _SHORTEST / ticks)
    score = with_pedal(score, pedal, chord_quarters=flat.onset_quarters, end_quarters=float(offset.max()))
    per_quarter = score.ticks_per_quarter
    return Performance.from_arrays(
        flat.pitch,
        onset_s=score.seconds(onset * per_quarter),
        offset_s=score.seconds(offset * per_quarter),
        onset_quarters=onset,
        offset_quarters=offset,
        velocity=np.clip(loud, 1, 127),
        score=score,
    )


def not_early(classes: Classes, *, where: Bool[np.ndarray, " notes"]) -> Classes:
    """Let some notes begin on their tick or after it.

    Args:
        classes: Of each attribute of each note.
        where: The notes.
    """
    column = list(ATTRIBUTES).index("timing")
    moved = classes.copy()
    moved[where, column] = np.maximum(moved[where, column], _TIMING_CLASSES // 2)
    return moved


def begins_chord(onset_quarters: Float64[np.ndarray, " notes"]) -> Bool[np.ndarray, " notes"]:
    """Mark the first note of each chord: of the notes of one onset on the grid.

    Args:
        onset_quarters: Ascending onsets on the grid.
    """
    tick = np.rint(onset_quarters * TICKS_PER_QUARTER)
    return np.diff(tick, prepend=-1.0) > 0


def _matched(performance: Performance, flat: Performance, *, begin: int, ticks: int) -> Performance:
    """Find the played note of each on the grid: of several in one cell the last, which the grid keeps."""
    width = TICKS_PER_QUARTER * (int(performance.duration_quarters) + 2)
    tick = packed_ticks(np.rint(performance.onset_quarters * ticks), ticks=ticks)
    key = performance.pitch.astype(np.int64) * width + tick - begin * TICKS_PER_QUARTER
    order = np.argsort(key, kind="stable")
    wanted = flat.pitch.astype(np.int64) * width
    wanted += np.rint(flat.onset_quarters * TICKS_PER_QUARTER).astype(np.int64)
    found = order[np.searchsorted(key[order], wanted, side="right") - 1]
    times = ("onset_s", "offset_s", "onset_quarters", "offset_quarters")
    return replace(
        performance,
        pitch=performance.pitch[found],
        velocity=performance.velocity[found],
        **{name: getattr(performance, name)[found] for name in times},
    )


def _shifted(performance: Performance, begin: int) -> Performance:
    """Let a performance begin with the given quarter, as pieces on the grid do."""
    score = performance.score or ScoreMap.constant()
    begin_s = float(score.seconds(np.array([begin * score.ticks_per_quarter]))[0])
    return replace(
        performance,
        onset_s=performance.onset_s - begin_s,
        offset_s=performance.offset_s - begin_s,
        onset_quarters=performance.onset_quarters - begin,
        offset_quarters=performance.offset_quarters - begin,
        score=score.between(float(begin), np.inf),
    )


def _in_tempo(flat: Performance, score: ScoreMap) -> Performance:
    """Take tempo, metre and key from a map, without its pedals."""
    none = replace(score, pedal_tick=np.zeros(0, np.int64), pedal=np.zeros((0, 2), np.int64))
    times = {
        f"{end}_s": none.seconds(getattr(flat, f"{end}_quarters") * none.ticks_per_quarter)
        for end in ("onset", "offset")
    }
    return replace(flat, score=none, **times)


def _class_of(
    values: Float64[np.ndarray, " notes"], *, low: float, high: float, number: int
) -> Int64[np.ndarray, " notes"]:
    """Number the class of each value; values beyond the ends are in the outer classes."""
    return np.clip(np.floor((values - low) / (high - low) * number), 0, number - 1).astype(np.int64)


def _value_of(
    classes: Int64[np.ndarray, " notes"], random: np.random.Generator, *, low: float, number: int
) -> Float64[np.ndarray, " notes"]:
    """Draw a value within each class of an interval that is symmetrical about 0."""
    return low - 2 * low * (classes + random.random(len(classes))) / number


def _next_onsets(pitch: np.ndarray, onset: Float64[np.ndarray, " notes"]) -> Float64[np.ndarray, " notes"]:
    """Return when the next note of the same pitch begins, infinity after the last."""
    order = np.lexsort((onset, pitch))
    following = np.full(len(pitch), np.inf)
    same = np.diff(pitch[order].astype(np.int64)) == 0
    following[order[:-1]] = np.where(same, onset[order[1:]], np.inf)
    return following
