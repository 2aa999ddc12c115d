"""Find out whether tracked beats are only halves or thirds of the beats that are felt."""

import numpy as np
from jaxtyping import Float64

from musicgen.music.metre import at_beats, best_positions, harmonic_change, standardised
from musicgen.music.notes import Performance
from musicgen.music.onsets import OnsetGroups, salience_of

_SLOWEST_S = 1.6  # no beat that is felt is longer
_FEWEST_BEATS = 9
# Onsets a beat below which it may be a part of a longer one: a half that is seldom divided further, a third
# that is hardly divided (an eighth of a compound metre).
_UNDIVIDED = {2: 2.2, 3: 1.5}
_SLIP = 4.0  # cost in nats where a part is left out or comes twice
_SALIENCE, _LENGTH, _HARMONY, _BASS = 1.0, 0.5, 0.5, 0.5  # weights of what stresses the first part
_SHORTEST_S, _LONGEST_S = 0.05, 4.0
_LATE_S, _EARLY_S = 0.08, 0.05  # a bass note this much after a beat is of it, this much before it is not


def join_parts(
    performance: Performance, onsets: OnsetGroups, times_s: Float64[np.ndarray, " beats"]
) -> Float64[np.ndarray, " joined"]:
    """Leave every second or third beat where beats are seldom divided and stresses regular.

    The first of two or three parts is stressed by salient or long notes, and by another harmony or bass;
    parts are joined where such stresses make the beats likelier than no regularity.

    Args:
        performance: The notes.
        onsets: Its groups.
        times_s: Tracked beats, in seconds, increasing.

    Returns:
        Beats that are left: all of them where they are beats as far as can be told.
    """
    if len(times_s) < _FEWEST_BEATS:
        return times_s
    inside = (onsets.times_s >= times_s[0]) & (onsets.times_s < times_s[-1])
    onsets_a_beat = inside.sum() / (len(times_s) - 1)
    period_s = float(np.median(np.diff(times_s)))
    parts = [
        number
        for number, most in _UNDIVIDED.items()
        if onsets_a_beat < most and number * period_s <= _SLOWEST_S
    ]
    if not parts:
        return times_s
    stress = _stresses(performance, onsets, times_s)
    gain, position = max(
        (best_positions(stress, number, slip=_SLIP) for number in parts), key=lambda found: found[0]
    )
    return times_s[position == 0] if gain > 0 else times_s


def _stresses(
    performance: Performance, onsets: OnsetGroups, times_s: Float64[np.ndarray, " beats"]
) -> Float64[np.ndarray, " beats"]:
    salience = salience_of(onsets)
    length = np.log(np.clip(onsets.duration_s, _SHORTEST_S, _LONGEST_S))
    changes = sum(standardised(harmonic_change(onsets, times_s, reach=reach)) for reach in (1, 2))
    return standardised(
        _SALIENCE * standardised(at_beats(salience, onsets, times_s, otherwise=float(salience.min())))
        + _LENGTH * standardised(at_beats(length, onsets, times_s, otherwise=float(np.log(_SHORTEST_S))))
        + _HARMONY * changes
        + _BASS * standardised(_bass_changes(performance, times_s))
    )


def _bass_changes(
    performance: Performance, times_s: Float64[np.ndarray, " beats"]
) -> Float64[np.ndarray, " beats"]:
    """Return 1 where the lowest sounding note just after a beat is another than just before it, else 0."""
    before, after = (_lowest(performance, times_s + shift) for shift in (-_EARLY_S, _LATE_S))
    return (before != after).astype(np.float64)


def _lowest(
    performance: Performance, times_s: Float64[np.ndarray, " moments"]
) -> Float64[np.ndarray, " moments"]:
    """Return the lowest pitch that sounds at each moment, infinity for silence."""
    lowest = np.full(len(times_s), np.inf)
    first = np.searchsorted(times_s, performance.onset_s, side="right")
    behind = np.searchsorted(times_s, performance.offset_s)
    for pitch, begin, end in zip(performance.pitch.tolist(), first.tolist(), behind.tolist(), strict=True):
        if begin < end:
            lowest[begin:end] = np.minimum(lowest[begin:end], pitch)
    return lowest
