"""Part the notes of a piano piece between two hands."""

import numpy as np
from jaxtyping import Bool, Float, Int

_SPLITS = np.arange(43, 80)  # the lowest pitch of the right hand, G2 to G5
_REACH = 14  # semitones that a hand spans with ease
_REACH_COST = 1.0  # for each semitone more
_LEDGER_COST = 0.35  # for each semitone that a note lies beyond its staff's side of middle C
_TREBLE_LOWEST, _BASS_HIGHEST = 58, 62
_GAP_BONUS = 0.12  # for each semitone, up to an octave, between the hands
_MOVE_COST = 0.25  # for each semitone that the border moves from one quarter to the next


def right_hand(
    pitch: Int[np.ndarray, " notes"], quarter: Int[np.ndarray, " notes"]
) -> Bool[np.ndarray, " notes"]:
    """Find the notes that the right hand plays.

    Every quarter has a border; the right hand has what lies at it or above. The path of borders with the
    least cost is taken (Viterbi): hands that span no more than a major ninth, notes on their own side of
    middle C, a gap between the hands, and a border that stays where it is.

    Args:
        pitch: MIDI numbers.
        quarter: The quarter in which each note begins, 0 or more.

    Returns:
        True for the right hand.
    """
    if len(pitch) == 0:
        return np.zeros(0, dtype=bool)
    quarters = np.unique(quarter)
    cost = np.stack([_costs(np.unique(pitch[quarter == number])) for number in quarters])
    border = _SPLITS[_smoothest(cost, np.diff(quarters))]
    return pitch >= border[np.searchsorted(quarters, quarter)]


def _costs(pitches: Int[np.ndarray, " notes"]) -> Float[np.ndarray, " splits"]:
    """Cost of every border for the pitches of one quarter, ascending."""
    is_right = pitches >= _SPLITS[:, None]
    high, low = np.where(is_right, pitches, 0), np.where(is_right, 127, pitches)
    lowest_right = np.where(is_right, pitches, 127).min(axis=1)
    highest_left = np.where(is_right, 0, pitches).max(axis=1)
    right_span = np.where(is_right.any(axis=1), high.max(axis=1) - lowest_right, 0)
    left_span = np.where(is_right.all(axis=1), 0, highest_left - low.min(axis=1))
    reach = np.maximum(right_span - _REACH, 0) + np.maximum(left_span - _REACH, 0)
    ledger = np.where(
        is_right, np.maximum(_TREBLE_LOWEST - pitches, 0), np.maximum(pitches - _BASS_HIGHEST, 0)
    ).sum(axis=1)
    gap = np.clip(lowest_right - highest_left, 0, 12)
    return _REACH_COST * reach + _LEDGER_COST * ledger - _GAP_BONUS * gap


def _smoothest(
    cost: Float[np.ndarray, "quarters splits"], apart: Int[np.ndarray, " steps"]
) -> Int[np.ndarray, " quarters"]:
    """Find the path of least cost, where moving costs less the longer the silence in between."""
    distance = np.abs(_SPLITS[:, None] - _SPLITS[None, :]) * _MOVE_COST
    total, came_from = cost[0], np.zeros(cost.shape, dtype=np.int64)
    for row in range(1, len(cost)):
        reached = total[:, None] + distance / apart[row - 1]
        came_from[row] = reached.argmin(axis=0)
        total = reached.min(axis=0) + cost[row]
    path = np.empty(len(cost), dtype=np.int64)
    path[-1] = total.argmin()
    for row in range(len(cost) - 1, 0, -1):
        path[row - 1] = came_from[row, path[row]]
    return path
