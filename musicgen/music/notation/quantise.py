"""Put the notes of a performance on simple fractions of a quarter, so that they can be written down."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from musicgen.music.metrics.bars import times_from_first_quarter
from musicgen.music.notation.divisions import (
    FREE,
    NOTATED,
    PLAYED,
    UNITS_PER_QUARTER,
    Manner,
    choose_divisions,
    is_plain,
)
from musicgen.music.notation.hands import right_hand
from musicgen.music.notes import Performance

_PLACES = np.array([0.0, 1 / 4, 1 / 3, 1 / 2, 2 / 3, 3 / 4, 1.0])  # where onsets of notated music mostly are
_NEAR_A_PLACE = 0.035  # quarters: a tick of the grid and a little more
_PLAYED_SHARE = 0.7  # of onsets near a place; by chance it would be 0.42

_USUAL_DIVISIONS = (8, 6, 5, 12)
_ON_A_PLACE = 0.018  # quarters: what rounding to the grid moves, and a little more
_NOTATED_SHARE = 0.4  # of quarters that one division holds, less chance: 0 by chance, 1 in exact rhythms
_MOST_CHANCE = 0.72  # that one of the divisions holds a single onset
_BEFORE_THE_BEAT = 1 / 64  # quarters: an onset so little before a quarter belongs to it


@dataclass(frozen=True, eq=False)
class WrittenNotes:
    """Notes on written time, counted from the first onset's quarter.

    Attributes:
        pitch: MIDI numbers, in the performance's order.
        onset: Starts in units.
        offset: Ends in units, after the onsets.
        is_right: Whether the right hand plays each note.
        division: Parts of each quarter, for the right hand and for the left.
    """

    pitch: Int[np.ndarray, " notes"]
    onset: Int[np.ndarray, " notes"]
    offset: Int[np.ndarray, " notes"]
    is_right: Bool[np.ndarray, " notes"]
    division: Int[np.ndarray, "2 quarters"]


def quantise(performance: Performance, *, plain_quarters: Iterable[int] = ()) -> WrittenNotes:
    """Move onsets and offsets to the simplest division of their quarter that tells the chords apart.

    Each hand divides each quarter on its own, so that three against two or four stays what it is; chords of
    both hands stay together (see `choose_divisions`). Notated music is followed closely, down to sixteenths
    of a quarter and tuplets of up to twelve; in transcriptions of free playing, whose quarters are not
    beats, sixteenth notes are the shortest.

    Args:
        performance: The notes.
        plain_quarters: Quarters, counted from the first onset's, that must not hold tuplets.
    """
    onset, offset = times_from_first_quarter(performance)
    quarters = int(np.ceil(offset.max(initial=0.0) - 1e-6)) + 1
    division = np.ones((2, quarters), dtype=np.int64)
    if len(onset) == 0:
        none = np.zeros(0, dtype=np.int64)
        return WrittenNotes(none, none, none, none.astype(bool), division)
    manner = _manner_of(onset)
    group = _chords(onset, manner.spread)
    time = np.bincount(group, weights=onset) / np.bincount(group)
    quarter = np.floor(time + _BEFORE_THE_BEAT).astype(np.int64)
    pitch = performance.pitch.astype(np.int64)
    is_right = right_hand(pitch, quarter[group])
    plain = frozenset(plain_quarters)
    for at, right, left in _places_by_quarter(time, quarter, group, is_right):
        division[:, at] = choose_divisions(right, left, manner, plain=at in plain)
    hand = np.where(is_right, 0, 1)
    begin = _placed(time[group], quarter[group], division[hand, quarter[group]])
    return WrittenNotes(
        pitch=pitch,
        onset=begin,
        offset=_ends(offset, begin, hand, division, manner.end_parts),
        is_right=is_right,
        division=division,
    )


def is_on_the_beats(performance: Performance) -> bool:
    """Whether the quarters are beats: most onsets lie on or close to simple fractions of them."""
    onset, _ = times_from_first_quarter(performance)
    return len(onset) > 0 and _manner_of(onset) is not FREE


def _manner_of(onset: Float[np.ndarray, " notes"]) -> Manner:
    """Find how closely the written time should follow these onsets."""
    if _notated_share(onset) >= _NOTATED_SHARE:
        return NOTATED
    distance = np.abs((onset % 1.0)[:, None] - _PLACES).min(axis=1)
    return PLAYED if np.mean(distance <= _NEAR_A_PLACE) >= _PLAYED_SHARE else FREE


def _notated_share(onset: Float[np.ndarray, " notes"]) -> float:
    """Share of the onsets in quarters that one division holds, beyond what chance gives: 1 for all.

    A quarter with few chords is held by chance more often than not, one with many hardly ever.
    """
    quarter = np.floor(onset + _ON_A_PLACE).astype(np.int64)
    place = onset - quarter
    chords = np.bincount(quarter, weights=np.diff(onset, prepend=-1.0) > _ON_A_PLACE)[quarter]
    is_held, chance = np.zeros(len(onset), dtype=bool), np.zeros(len(onset))
    for parts in _USUAL_DIVISIONS:
        is_off = np.abs(np.rint(place * parts) / parts - place) > _ON_A_PLACE
        is_held |= np.bincount(quarter, weights=is_off)[quarter] == 0
        chance += (2 * _ON_A_PLACE * parts) ** chords
    chance = np.minimum(chance, _MOST_CHANCE)
    return float((is_held - chance).sum() / (1 - chance).sum())


def _chords(onset: Float[np.ndarray, " notes"], spread: float) -> Int[np.ndarray, " notes"]:
    """Number the chords: a note belongs to the one before it if it begins soon after its first note."""
    group = np.zeros(len(onset), dtype=np.int64)
    number, first = -1, -np.inf
    for index, time in enumerate(onset.tolist()):
        if time - first > spread:
            number, first = number + 1, time
        group[index] = number
    return group


def _places_by_quarter(
    time: Float[np.ndarray, " chords"],
    quarter: Int[np.ndarray, " chords"],
    group: Int[np.ndarray, " notes"],
    is_right: Bool[np.ndarray, " notes"],
) -> Iterable[tuple[int, tuple[float, ...], tuple[float, ...]]]:
    """Yield each quarter with the places of the right and of the left hand's chords in it."""
    place = np.round(time - quarter, 4)
    in_hand = [np.bincount(group[mine], minlength=len(time)) > 0 for mine in (is_right, ~is_right)]
    first = np.searchsorted(quarter, np.arange(quarter[-1] + 2))
    for at in np.unique(quarter).tolist():
        here = slice(first[at], first[at + 1])
        right, left = (tuple(place[here][mine[here]].tolist()) for mine in in_hand)
        yield at, right, left


def _placed(
    time: Float[np.ndarray, " times"],
    quarter: Int[np.ndarray, " times"],
    parts: Int[np.ndarray, " times"],
) -> Int[np.ndarray, " times"]:
    """Find the nearest place of each time in its quarter's division, in units."""
    place = np.rint((time - quarter) * parts).astype(np.int64)
    return quarter * UNITS_PER_QUARTER + place * (UNITS_PER_QUARTER // parts)


def _ends(
    offset: Float[np.ndarray, " notes"],
    begin: Int[np.ndarray, " notes"],
    hand: Int[np.ndarray, " notes"],
    division: Int[np.ndarray, "2 quarters"],
    end_parts: int,
) -> Int[np.ndarray, " notes"]:
    """Place the offsets, each note at least a sixteenth note or its tuplet's part long."""
    plain = np.vectorize(is_plain, otypes=[bool])(division)
    quarter = np.floor(offset + _BEFORE_THE_BEAT).astype(np.int64)
    parts = np.where(plain, np.maximum(division, end_parts), division)[hand, quarter]
    shortest = UNITS_PER_QUARTER // np.where(plain, np.maximum(division, 4), division)
    start = np.minimum(begin // UNITS_PER_QUARTER, division.shape[1] - 1)
    return np.maximum(_placed(offset, quarter, parts), begin + shortest[hand, start])
