"""The dynamic programme behind `track_beats`: which onsets are beats, and at which period."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float64, Int

PERIODS_S = np.geomspace(0.25, 1.6, 48)  # 240 to 37.5 beats a minute
_LOG_STEP = np.log(PERIODS_S[1] / PERIODS_S[0])
_TIMING_S = 0.03  # standard deviation of an onset about its place in the beat
PREFERRED_S = 0.65  # Parncutt 1994 and others place the most natural pulse at 0.6 to 0.7 s
_PREFERENCE = 1.05
_SILENT_BEAT = 1.5  # cost of a beat without an onset
_BEAT = 1.0  # cost of any beat: without it, twice as many beats explain everything a little better
_MOST_STEPS = 2  # beats between two onsets that both fall on beats, except across rests
_REST_S = 1.6  # time without an onset that any number of beats may fill
_SKIPPED_ONSET = 3.0  # cost of an onset more than a beat before the first beat or after the last
_UNFINISHED = 0.9  # beats: what lies nearer to the first or last beat is explained by its place
# Weights of the places in a beat: on it (times the onset's own weight), halves, thirds, quarters, anywhere.
_ON, _HALF, _THIRD, _QUARTER, _ANYWHERE = 0.6, 0.36, 0.13, 0.2, 0.03
_PLACES = ((1 / 2, _HALF), (1 / 3, _THIRD), (2 / 3, _THIRD), (1 / 4, _QUARTER), (3 / 4, _QUARTER))
_OFF_BEAT = sum(weight for _, weight in _PLACES) + _ANYWHERE
_SNAP_S = 0.06

Pairs = Int[np.ndarray, " pairs"]
Table = Float64[np.ndarray, "onsets periods"]
Numbers = Int[np.ndarray, "onsets periods"]


def change_costs(*, small: float, large: float) -> Float64[np.ndarray, "periods periods"]:
    """Return the log-likelihood of going from one period (second axis) to another (first).

    Args:
        small: Cost of a squared change of the log period while that is small.
        large: How fast the cost grows beyond: it is then that times the logarithm of the squared change.
    """
    change = np.log(PERIODS_S[:, None] / PERIODS_S)
    return -large * np.log1p(small / large * change**2)


@dataclass
class Lattice:
    """Best scores of paths that end with a beat at an onset, by period.

    Attributes:
        times_s: Onsets, ascending.
        weights: How much each onset stands out, above 0.
        evidence: Log-likelihood of each period near each onset, up to a constant.
        changes: What `change_costs` returns.
        preferred_s: Period of the most natural pulse, from which others are the less likely.
        scores: Log-likelihood of the best path.
        reachable: The same once the period may have changed.
        period_before: Period from which it changed.
        onset_before: Onset of the beat before, -1 at a beginning.
        steps: Beats from there to here.
    """

    times_s: Float64[np.ndarray, " onsets"]
    weights: Float64[np.ndarray, " onsets"]
    evidence: Table
    changes: Float64[np.ndarray, "periods periods"]
    preferred_s: float = PREFERRED_S
    scores: Table = field(init=False)
    reachable: Table = field(init=False)
    period_before: Numbers = field(init=False)
    onset_before: Numbers = field(init=False)
    steps: Numbers = field(init=False)

    def __post_init__(self) -> None:
        shape = (len(self.times_s), len(PERIODS_S))
        distance = np.log(PERIODS_S / self.preferred_s) / 0.5
        self.evidence = self.evidence - _PREFERENCE * distance**2 / 2
        self.scores, self.reachable = np.full(shape, -np.inf), np.full(shape, -np.inf)
        self.period_before, self.onset_before = np.full(shape, -1), np.full(shape, -1)
        self.steps = np.zeros(shape, int)

    def best_path(self) -> Float64[np.ndarray, " beats"]:
        """Find the beats, in seconds; those without an onset lie between their neighbours."""
        for number in range(len(self.times_s)):
            self._extend(number)
        first = int(np.searchsorted(self.times_s, self.times_s[-1] - PERIODS_S[-1]))
        last = np.arange(first, len(self.times_s))
        after = [self._outside(number, np.arange(number + 1, len(self.times_s))) for number in last.tolist()]
        ends = self.scores[last] + np.array(after)
        number, period = (int(found) for found in np.unravel_index(ends.argmax(), ends.shape))
        return self._walk_back(int(last[number]), period)

    def _extend(self, number: int) -> None:
        """Find the best paths to an onset from those before it."""
        times = self.times_s
        if times[number] <= times[0] + PERIODS_S[-1]:
            skipped = self._outside(number, np.arange(number))
            self.scores[number] = self.evidence[number] + self._on_beat(number) + skipped - _SKIPPED_ONSET
        first = int(np.searchsorted(times, times[number] - PERIODS_S[-1] * _MOST_STEPS - 0.01))
        steps, before = np.meshgrid(np.arange(1, _MOST_STEPS + 1), np.arange(first, number), indexing="ij")
        periods_s = (times[number] - times[before]) / steps
        allowed = (periods_s >= PERIODS_S[0]) & (periods_s <= PERIODS_S[-1])
        if allowed.any():
            self._follow(number, before[allowed], steps[allowed], first=first)
        if number and (not allowed.any() or times[number] - times[number - 1] > _REST_S):
            self._bridge(number)
        changed = self.scores[number] + self.changes
        self.period_before[number] = changed.argmax(axis=1)
        self.reachable[number] = changed.max(axis=1)

    def _on_beat(self, number: int) -> float:
        """Return the log-likelihood of an onset that falls on a beat."""
        weight = _ON * self.weights[number]
        return float(np.log(weight / (weight + _OFF_BEAT)) - np.log(np.sqrt(2 * np.pi) * _TIMING_S))

    def _outside(self, number: int, others: Int[np.ndarray, " others"]) -> Float64[np.ndarray, " periods"]:
        """Return the log-likelihood of onsets before the first beat, or after the last, for each period."""
        beats = (self.times_s[others][:, None] - self.times_s[number]) / PERIODS_S
        nats, _ = _place_nats(beats % 1, PERIODS_S, self.weights[others][:, None])
        return np.where(np.abs(beats) < _UNFINISHED, nats, -_SKIPPED_ONSET).sum(axis=0)

    def _follow(self, number: int, before: Pairs, steps: Pairs, *, first: int) -> None:
        """Continue paths by one beat or two whose onsets are both played."""
        periods_s = (self.times_s[number] - self.times_s[before]) / steps
        inner = np.arange(first, number)
        is_inside = inner > before[:, None]
        beats = (self.times_s[inner] - self.times_s[before][:, None]) / periods_s[:, None]
        nats, is_on = _place_nats(beats % 1, periods_s[:, None], self.weights[inner])
        silent = np.maximum(0, steps - 1 - (is_on & is_inside).sum(axis=1))
        period = _nearest_period(periods_s)
        scores = self.reachable[before, period] + np.where(is_inside, nats, 0).sum(axis=1)
        scores += (self.evidence[number, period] - _BEAT) * steps - _SILENT_BEAT * silent
        self._keep_best(number, period, scores + self._on_beat(number), before=before, steps=steps)

    def _bridge(self, number: int) -> None:
        """Continue paths across a rest, in which as many beats pass as each period has room for."""
        rest_s = self.times_s[number] - self.times_s[number - 1]
        steps = np.maximum(1, np.round(rest_s / PERIODS_S)).astype(int)
        period = _nearest_period(rest_s / steps)
        scores = self.reachable[number - 1, period] - _SILENT_BEAT * (steps - 1)
        scores += (self.evidence[number, period] - _BEAT) * steps + self._on_beat(number)
        self._keep_best(number, period, scores, before=np.full_like(steps, number - 1), steps=steps)

    def _keep_best(
        self,
        number: int,
        period: Pairs,
        scores: Float64[np.ndarray, " pairs"],
        *,
        before: Pairs,
        steps: Pairs,
    ) -> None:
        """Keep the best continuation of each period where it beats what is there."""
        order = np.argsort(scores, kind="stable")
        best = np.full(len(PERIODS_S), -1)
        best[period[order]] = order  # of several with one period the last, which is the best, stays
        found = np.flatnonzero(best >= 0)
        found = found[scores[best[found]] > self.scores[number, found]]
        self.scores[number, found] = scores[best[found]]
        self.onset_before[number, found] = before[best[found]]
        self.steps[number, found] = steps[best[found]]

    def _walk_back(self, number: int, period: int) -> Float64[np.ndarray, " beats"]:
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


def _nearest_period(periods_s: Float64[np.ndarray, " pairs"]) -> Pairs:
    """Number the nearest of the 48 periods."""
    return np.clip(np.rint(np.log(periods_s / PERIODS_S[0]) / _LOG_STEP), 0, len(PERIODS_S) - 1).astype(int)


def _place_nats(
    place: Float64[np.ndarray, "*shape"],
    periods_s: Float64[np.ndarray, "..."],
    weights: Float64[np.ndarray, "..."],
) -> tuple[Float64[np.ndarray, "*shape"], Bool[np.ndarray, "*shape"]]:
    """Return the log-likelihood of onsets by their place in the beat (0 to 1), and which lie on a beat."""
    deviation = _TIMING_S / periods_s
    peak = 1 / (np.sqrt(2 * np.pi) * deviation)
    on_beat = np.exp(-0.5 * (np.minimum(place, 1 - place) / deviation) ** 2)
    off_beat = sum(weight * np.exp(-0.5 * ((place - where) / deviation) ** 2) for where, weight in _PLACES)
    density = (peak * (_ON * weights * on_beat + off_beat) + _ANYWHERE) / (_ON * weights + _OFF_BEAT)
    return np.log(density / periods_s), on_beat > 0.1
