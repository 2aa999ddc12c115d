"""Find the metre of tracked beats: which of them begin a bar."""

import numpy as np
from jaxtyping import Bool, Float64, Int

from musicgen.music.onsets import OnsetGroups, salience_of

_METRES = (2, 3, 4)  # beats per bar
_STRESS = 0.8  # mean salience of a downbeat above other beats, in standard deviations
_SLIP = 6.0  # cost in nats of a bar that is a beat shorter or longer, or of a beat that was missed
_ENOUGH_NATS = 0.01  # per beat, by which the best metre must beat no metre
_FEWEST_BEATS = 8
_MOST = 2.5  # standard deviations that count: one loud beat makes no metre
_NEAR_S = 0.07
_EARLY_S = 0.05  # notes this much before a beat belong to it


def find_downbeats(
    onsets: OnsetGroups, times_s: Float64[np.ndarray, " beats"]
) -> Bool[np.ndarray, " beats"] | None:
    """Find the downbeats among beats, where stresses come back every two, three or four beats.

    A beat is stressed by salient onsets and by a change of harmony; stresses are Gaussian with one mean on
    downbeats and another elsewhere. The path over positions in the bar is Viterbi's, for each metre.

    Args:
        onsets: Of the performance.
        times_s: Its beats, in seconds, increasing.

    Returns:
        Whether each beat begins a bar; None for fewer than eight beats or no regular stress.
    """
    if len(times_s) < _FEWEST_BEATS:
        return None
    stress = _stresses(onsets, times_s)
    paths = {metre: best_positions(stress, metre, slip=_SLIP) for metre in _METRES}
    metre = max(paths, key=lambda candidate: paths[candidate][0])
    gain, position = paths[metre]
    return position == 0 if gain > _ENOUGH_NATS else None


def _stresses(onsets: OnsetGroups, times_s: Float64[np.ndarray, " beats"]) -> Float64[np.ndarray, " beats"]:
    """Return how much each beat is stressed: by what begins there and by how the harmony changes there."""
    salience = salience_of(onsets)
    stress = at_beats(salience, onsets, times_s, otherwise=float(salience.min()))
    return standardised(standardised(stress) + standardised(harmonic_change(onsets, times_s, reach=2)))


def at_beats(
    values: Float64[np.ndarray, " groups"],
    onsets: OnsetGroups,
    times_s: Float64[np.ndarray, " beats"],
    *,
    otherwise: float,
) -> Float64[np.ndarray, " beats"]:
    """Return the value of the group of notes at each beat, or another where none begins within 70 ms."""
    after = np.clip(np.searchsorted(onsets.times_s, times_s), 1, len(onsets.times_s) - 1)
    is_before = times_s - onsets.times_s[after - 1] < onsets.times_s[after] - times_s
    nearest = after - is_before
    is_played = np.abs(onsets.times_s[nearest] - times_s) < _NEAR_S
    return np.where(is_played, values[nearest], otherwise)


def harmonic_change(
    onsets: OnsetGroups, times_s: Float64[np.ndarray, " beats"], *, reach: int
) -> Float64[np.ndarray, " beats"]:
    """Return 1 minus the cosine between the pitch classes of `reach` beats before and after each beat."""
    sums = np.concatenate([np.zeros((1, 12)), np.cumsum(onsets.pitch_classes, axis=0)])
    period_s = np.append(np.diff(times_s), times_s[-1] - times_s[-2])
    edges_s = times_s + np.array([[-reach], [0], [reach]]) * period_s - _EARLY_S
    begin, middle, end = sums[np.searchsorted(onsets.times_s, edges_s)]
    before, after = middle - begin, end - middle
    length = np.linalg.norm(before, axis=1) * np.linalg.norm(after, axis=1)
    return np.where(length > 0, 1 - (before * after).sum(axis=1) / np.maximum(length, 1e-9), 0.0)


def standardised(values: Float64[np.ndarray, " beats"]) -> Float64[np.ndarray, " beats"]:
    """Express values in standard deviations, at most 2.5 either way."""
    return np.clip((values - values.mean()) / (values.std() + 1e-6), -_MOST, _MOST)


def best_positions(
    stress: Float64[np.ndarray, " beats"], metre: int, *, slip: float
) -> tuple[float, Int[np.ndarray, " beats"]]:
    """Find the likeliest positions in bars of one length, and their log-likelihood over no metre, a beat.

    Args:
        stress: Standardised.
        metre: Beats a bar.
        slip: Cost in nats of a bar that is shorter or longer.
    """
    means = np.full(metre, -_STRESS / metre)
    means[0] += _STRESS
    nats = stress[:, None] * means - means**2 / 2  # over a standard normal distribution
    usual = (np.arange(metre) - 1) % metre
    scores, came_from = nats[0].copy(), np.zeros((len(stress), metre), dtype=np.int64)
    for beat in range(1, len(stress)):
        slipped = int(scores.argmax())
        came_from[beat] = np.where(scores[slipped] - slip > scores[usual], slipped, usual)
        scores = np.maximum(scores[slipped] - slip, scores[usual]) + nats[beat]
    position = np.zeros(len(stress), dtype=np.int64)
    position[-1] = scores.argmax()
    for beat in range(len(stress) - 1, 0, -1):
        position[beat - 1] = came_from[beat, position[beat]]
    return float(scores.max()) / len(stress), position
