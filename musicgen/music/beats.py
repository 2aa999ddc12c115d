"""Track the beats of a performance without learning: the pulse that explains its onsets best."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int

from musicgen.music.metre import find_downbeats
from musicgen.music.notes import Performance
from musicgen.music.onsets import OnsetGroups, group_onsets, salience_of

_PERIODS_S = np.geomspace(0.25, 1.6, 48)  # 240 to 37.5 beats per minute
_LOG_STEP = np.log(_PERIODS_S[1] / _PERIODS_S[0])
_TIMING_S = 0.03  # standard deviation of an onset about its metrical place
_PREFERRED_S, _PREFERENCE = (
    0.65,
    1.05,
)  # Parncutt 1994 and others place the most natural pulse at 0.6 to 0.7 s
_TEMPO_CHANGE = 35.0  # cost of a squared change of the log period from one beat to the next
_SILENT_BEAT = 1.5  # cost of a beat without an onset
_BEAT = 1.0  # cost of any beat: without it, twice as many beats explain everything a little better
_MOST_STEPS = 2  # beats between two onsets that both fall on beats, except across rests
_SKIPPED_ONSET = 3.0  # cost of an onset before the first beat or after the last
# Weights of the places in a beat: on it (times e to the salience), halves, thirds, quarters, anywhere.
_ON, _HALF, _THIRD, _QUARTER, _ANYWHERE = 0.6, 0.36, 0.2, 0.13, 0.03
_PLACES = ((1 / 2, _HALF), (1 / 3, _THIRD), (2 / 3, _THIRD), (1 / 4, _QUARTER), (3 / 4, _QUARTER))
_OFF_BEAT = sum(weight for _, weight in _PLACES) + _ANYWHERE
_SNAP_S = 0.06
_FEWEST_ONSETS = 4


@dataclass(frozen=True)
class Beats:
    """The beats of a performance.

    Attributes:
        times_s: Increasing, in seconds from the beginning of the file.
        is_downbeat: Which beats begin a bar; None where the metre cannot be told.
        confidence: 0 to 1: how much better the onsets fit these beats than chance, in the median of a piece.
    """

    times_s: Float64[np.ndarray, " beats"]
    is_downbeat: Bool[np.ndarray, " beats"] | None
    confidence: float


def track_beats(performance: Performance) -> Beats:
    """Find the beats of a performance.

    A dynamic programme over onsets (Dixon 2001 and Ellis 2007 in spirit) with a hidden beat period of 48 values.
    Onsets between two beats are explained by their place in the beat, so that tempi of different length compare:
    a salient onset (low, loud, long, many notes) is expected on the beat, others also at halves, thirds and
    quarters of it. Where nothing is played, beats go on at the last period.

    Args:
        performance: Its seconds and velocities are looked at, its quarters are not.

    Returns:
        The beats; none, with confidence 0, for fewer than four onsets.
    """
    onsets = group_onsets(performance)
    if len(onsets.times_s) < _FEWEST_ONSETS:
        return Beats(np.zeros(0), None, 0.0)
    weights = np.exp(np.clip(salience_of(onsets), -3, 3))
    lattice = _Lattice.over(onsets.times_s, weights)
    for number in range(len(onsets.times_s)):
        lattice.extend(number)
    times_s = lattice.best_path()
    confidence = _confidence(onsets, weights, times_s)
    return Beats(times_s, find_downbeats(onsets, times_s), confidence)


@dataclass
class _Lattice:
    """Best scores of paths that end with a beat at an onset, by period.

    Attributes:
        times_s: Onsets, (onsets,).
        weights: e to the salience of each, (onsets,).
        scores: Log-likelihood of the best path, (onsets, periods).
        reachable: The same once the period may have changed, (onsets, periods).
        period_before: Period from which it changed, (onsets, periods).
        onset_before: Onset of the beat before, -1 at a beginning, (onsets, periods).
        steps: Beats from there to here, (onsets, periods).
    """

    times_s: Float64[np.ndarray, " onsets"]
    weights: Float64[np.ndarray, " onsets"]
    scores: Float64[np.ndarray, "onsets periods"]
    reachable: Float64[np.ndarray, "onsets periods"]
    period_before: Int[np.ndarray, "onsets periods"]
    onset_before: Int[np.ndarray, "onsets periods"]
    steps: Int[np.ndarray, "onsets periods"]

    @classmethod
    def over(
        cls, times_s: Float64[np.ndarray, " onsets"], weights: Float64[np.ndarray, " onsets"]
    ) -> "_Lattice":
        """Begin with no path anywhere."""
        shape = (len(times_s), len(_PERIODS_S))
        unknown = np.full(shape, -np.inf)
        nobody = np.full(shape, -1)
        return cls(times_s, weights, unknown, unknown.copy(), nobody, nobody.copy(), np.zeros(shape, int))

    def extend(self, number: int) -> None:
        """Find the best paths to an onset from those before it."""
        times = self.times_s
        if times[number] <= times[0] + _PERIODS_S[-1]:
            self.scores[number] = _PREFERENCES + self._on_beat(number) - _SKIPPED_ONSET * (number + 1)
        first = int(np.searchsorted(times, times[number] - _PERIODS_S[-1] * _MOST_STEPS - 0.01))
        steps, before = np.meshgrid(np.arange(1, _MOST_STEPS + 1), np.arange(first, number), indexing="ij")
        periods_s = (times[number] - times[before]) / steps
        allowed = (periods_s >= _PERIODS_S[0]) & (periods_s <= _PERIODS_S[-1])
        if allowed.any():
            self._follow(number, before[allowed], steps[allowed], first=first)
        elif number:
            self._bridge(number)
        changed = self.scores[number] + _CHANGES
        self.period_before[number] = changed.argmax(axis=1)
        self.reachable[number] = changed.max(axis=1)

    def _on_beat(self, number: int) -> float:
        """Give the log-likelihood of an onset that falls on a beat."""
        weight = _ON * self.weights[number]
        return float(np.log(weight / (weight + _OFF_BEAT)) - np.log(np.sqrt(2 * np.pi) * _TIMING_S))

    def _follow(
        self, number: int, before: Int[np.ndarray, " pairs"], steps: Int[np.ndarray, " pairs"], *, first: int
    ) -> None:
        """Continue paths by one beat or two whose onsets are both played."""
        periods_s = (self.times_s[number] - self.times_s[before]) / steps
        inner = np.arange(first, number)
        is_inside = inner > before[:, None]
        elapsed = (self.times_s[inner] - self.times_s[before][:, None]) / periods_s[:, None]
        nats, is_on = _place_nats(elapsed % 1, periods_s[:, None], self.weights[inner])
        silent = np.maximum(0, steps - 1 - (is_on & is_inside).sum(axis=1))
        period = _nearest_period(periods_s)
        scores = (
            self.reachable[before, period]
            + np.where(is_inside, nats, 0).sum(axis=1)
            + self._on_beat(number)
            + (_PREFERENCES[period] - _BEAT) * steps
            - _SILENT_BEAT * silent
        )
        self._keep_best(number, period, scores, before=before, steps=steps)

    def _bridge(self, number: int) -> None:
        """Continue paths across a rest, in which as many beats pass as each period has room for."""
        rest_s = self.times_s[number] - self.times_s[number - 1]
        steps = np.maximum(1, np.round(rest_s / _PERIODS_S)).astype(int)
        period = _nearest_period(rest_s / steps)
        scores = self.reachable[number - 1, period] + _PREFERENCES[period] - _SILENT_BEAT * (steps - 1)
        self._keep_best(number, period, scores, before=np.full_like(steps, number - 1), steps=steps)

    def _keep_best(
        self,
        number: int,
        period: Int[np.ndarray, " pairs"],
        scores: Float64[np.ndarray, " pairs"],
        *,
        before: Int[np.ndarray, " pairs"],
        steps: Int[np.ndarray, " pairs"],
    ) -> None:
        """Keep the best continuation of each period where it beats what is there."""
        order = np.argsort(scores, kind="stable")
        best = np.full(len(_PERIODS_S), -1)
        best[period[order]] = order  # of several with one period the last, which is the best, stays
        found = np.flatnonzero(best >= 0)
        found = found[scores[best[found]] > self.scores[number, found]]
        self.scores[number, found] = scores[best[found]]
        self.onset_before[number, found] = before[best[found]]
        self.steps[number, found] = steps[best[found]]

    def best_path(self) -> Float64[np.ndarray, " beats"]:
        """Walk back from the best end; beats without an onset lie between their neighbours."""
        last = np.arange(
            int(np.searchsorted(self.times_s, self.times_s[-1] - _PERIODS_S[-1])), len(self.times_s)
        )
        ends = self.scores[last].max(axis=1) - _SKIPPED_ONSET * (len(self.times_s) - 1 - last)
        number = int(last[ends.argmax()])
        period = int(self.scores[number].argmax())
        path = [float(self.times_s[number])]
        while (before := int(self.onset_before[number, period])) >= 0:
            steps = int(self.steps[number, period])
            between = np.linspace(self.times_s[number], self.times_s[before], steps + 1)[1:]
            path += [self._snapped(time_s) for time_s in between[:-1]] + [float(between[-1])]
            number, period = before, int(self.period_before[before, period])
        return np.array(path[::-1])

    def _snapped(self, time_s: float) -> float:
        nearest = float(self.times_s[np.abs(self.times_s - time_s).argmin()])
        return nearest if abs(nearest - time_s) < _SNAP_S else float(time_s)


_PREFERENCES = -_PREFERENCE * (np.log(_PERIODS_S / _PREFERRED_S) / 0.5) ** 2 / 2
_CHANGES = -_TEMPO_CHANGE * np.log(_PERIODS_S[:, None] / _PERIODS_S[None, :]) ** 2


def _nearest_period(periods_s: Float64[np.ndarray, " pairs"]) -> Int[np.ndarray, " pairs"]:
    """Number the nearest of the 48 periods."""
    return np.clip(np.rint(np.log(periods_s / _PERIODS_S[0]) / _LOG_STEP), 0, len(_PERIODS_S) - 1).astype(int)


def _place_nats(
    place: Float64[np.ndarray, "*shape"],
    periods_s: Float64[np.ndarray, "..."],
    weights: Float64[np.ndarray, "..."],
) -> tuple[Float64[np.ndarray, "*shape"], Bool[np.ndarray, "*shape"]]:
    """Give the log-likelihood of onsets by their place in the beat (0 to 1), and which lie on a beat."""
    deviation = _TIMING_S / periods_s
    peak = 1 / (np.sqrt(2 * np.pi) * deviation)
    on_beat = np.exp(-0.5 * (np.minimum(place, 1 - place) / deviation) ** 2)
    off_beat = sum(weight * np.exp(-0.5 * ((place - where) / deviation) ** 2) for where, weight in _PLACES)
    density = (peak * (_ON * weights * on_beat + off_beat) + _ANYWHERE) / (_ON * weights + _OFF_BEAT)
    return np.log(density / periods_s), on_beat > 0.1


def _confidence(
    onsets: OnsetGroups,
    weights: Float64[np.ndarray, " onsets"],
    times_s: Float64[np.ndarray, " beats"],
) -> float:
    """Compare the likelihood of the onsets with that of onsets anywhere; see `Beats`."""
    if len(times_s) < 2:
        return 0.0
    beat = np.clip(np.searchsorted(times_s, onsets.times_s, side="right") - 1, 0, len(times_s) - 2)
    periods_s = np.diff(times_s)[beat]
    place = (onsets.times_s - times_s[beat]) / periods_s
    nats, _ = _place_nats(place % 1, periods_s, weights)
    gain = np.log(periods_s) + nats  # over an even density in the beat
    steadiness = (
        float(np.exp(-np.abs(np.diff(np.log(np.diff(times_s)))).mean() * 4)) if len(times_s) > 2 else 0.0
    )
    return float(np.clip(1 - np.exp(-max(0.0, float(np.mean(gain)))), 0, 1)) * steadiness
