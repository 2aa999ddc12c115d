"""Put the notes of a performance on simple fractions of a quarter, so that they can be written down."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from musicgen.music.metrics.bars import times_from_first_quarter
from musicgen.music.notes import Performance

UNITS_PER_QUARTER = 24
"""Written time is counted in units that hold thirty-seconds (3) and triplets (8)."""

_PLACES = np.array([0.0, 1 / 4, 1 / 3, 1 / 2, 2 / 3, 3 / 4, 1.0])  # where onsets of notated music mostly are
_ON_A_PLACE = 0.035  # quarters: a tick of the grid and a little more
_NOTATED_SHARE = 0.7  # of onsets on a place; by chance it would be 0.42


@dataclass(frozen=True)
class _Manner:
    """Say how closely time is followed.

    Attributes:
        spread: Onsets closer than this, in quarters, are one chord.
        tolerance: An onset so far from its place, in quarters, costs 1.
        merged_cost: For two chords that fall into one place.
        costs: What each division of a quarter costs to read.
        end_parts: Into how many parts a quarter is divided for offsets.
    """

    spread: float
    tolerance: float
    merged_cost: float
    costs: dict[int, float]
    end_parts: int


_EXACT = _Manner(0.05, 0.06, 4.0, {1: 0.0, 2: 0.3, 4: 0.8, 3: 1.6, 8: 2.6}, 8)
_FREE = _Manner(0.12, 0.12, 2.0, {1: 0.0, 2: 0.4, 4: 2.0, 3: 3.0}, 2)
_TRIPLET = 3


@dataclass(frozen=True, eq=False)
class WrittenNotes:
    """Hold notes on written time, counted from the first onset's quarter.

    Attributes:
        pitch: MIDI numbers, in the performance's order.
        onset: Starts in units.
        offset: Ends in units, after the onsets.
        division: Parts of each quarter: 1, 2, 3 (a triplet), 4 or 8.
    """

    pitch: Int[np.ndarray, " notes"]
    onset: Int[np.ndarray, " notes"]
    offset: Int[np.ndarray, " notes"]
    division: Int[np.ndarray, " quarters"]

    @property
    def is_triplet(self) -> Bool[np.ndarray, " quarters"]:
        """Whether each quarter is divided in three."""
        return self.division == _TRIPLET


def quantise(performance: Performance) -> WrittenNotes:
    """Move onsets and offsets to the simplest division of their quarter that tells the chords apart.

    Each quarter is divided in 1, 2, 3, 4 or 8: the division with the least sum of squared distances, of
    chords that fall together, and of what it costs to read. Where most onsets lie on the beats,
    thirty-seconds are told apart; elsewhere, as in transcriptions of free playing whose quarters are not
    beats, eighths are preferred and sixteenths are the shortest, or nobody could read the result.
    """
    onset, offset = times_from_first_quarter(performance)
    quarters = int(np.ceil(offset.max(initial=0.0) - 1e-6)) + 1
    division = np.ones(quarters, dtype=np.int64)
    if len(onset) == 0:
        return WrittenNotes(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64), division)
    manner = _EXACT if is_on_the_beats(performance) else _FREE
    group = _chords(onset, manner.spread)
    time = np.bincount(group, weights=onset) / np.bincount(group)
    of_quarter = np.floor(time).astype(np.int64)
    for quarter in np.unique(of_quarter).tolist():
        division[quarter] = _simplest(time[of_quarter == quarter] - quarter, manner)
    begin = _placed(time, division)[group]
    shortest = UNITS_PER_QUARTER // np.maximum(division, 4)
    shortest = np.where(division == _TRIPLET, UNITS_PER_QUARTER // 3, shortest)
    shortest = shortest[np.minimum(begin // UNITS_PER_QUARTER, quarters - 1)]
    end = _placed(offset, np.where(division == _TRIPLET, 3, np.maximum(division, manner.end_parts)))
    return WrittenNotes(
        pitch=performance.pitch.astype(np.int64),
        onset=begin,
        offset=np.maximum(end, begin + shortest),
        division=division,
    )


def is_on_the_beats(performance: Performance) -> bool:
    """Tell whether most onsets lie on quarters of a quarter or on triplets, as they do in notated music."""
    onset, _ = times_from_first_quarter(performance)
    distance = np.abs((onset % 1.0)[:, None] - _PLACES).min(axis=1)
    return len(onset) > 0 and bool(np.mean(distance <= _ON_A_PLACE) >= _NOTATED_SHARE)


def _chords(onset: Float[np.ndarray, " notes"], spread: float) -> Int[np.ndarray, " notes"]:
    """Number the chords: a note belongs to the one before it if it begins soon after its first note."""
    group = np.zeros(len(onset), dtype=np.int64)
    number, first = -1, -np.inf
    for index, time in enumerate(onset.tolist()):
        if time - first > spread:
            number, first = number + 1, time
        group[index] = number
    return group


def _simplest(places: Float[np.ndarray, " chords"], manner: _Manner) -> int:
    """Choose the division of a quarter for chords that begin at these parts of it."""
    best, least = 1, np.inf
    for division, cost in manner.costs.items():
        place = np.rint(places * division)
        if division == _TRIPLET and not {1, 2} <= set(place.tolist()):
            continue
        apart = np.abs(place / division - places) / manner.tolerance
        cost += float((apart**2).sum()) + manner.merged_cost * (len(places) - len(np.unique(place)))
        if cost < least:
            best, least = division, cost
    return best


def _placed(
    time: Float[np.ndarray, " times"], division: Int[np.ndarray, " quarters"]
) -> Int[np.ndarray, " times"]:
    """Give the nearest place of each time in its quarter's division, in units."""
    quarter = np.minimum(np.floor(time).astype(np.int64), len(division) - 1)
    parts = division[quarter]
    place = np.rint((time - quarter) * parts).astype(np.int64)
    return quarter * UNITS_PER_QUARTER + place * (UNITS_PER_QUARTER // parts)
