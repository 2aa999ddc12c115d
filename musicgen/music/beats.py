"""Track the beats of a performance without learning: the pulse that explains its onsets best."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64

from musicgen.music.beat_lattice import PERIODS_S, PREFERRED_S, Lattice, change_costs
from musicgen.music.metre import find_downbeats
from musicgen.music.metrical_level import join_parts
from musicgen.music.notes import Performance
from musicgen.music.onsets import group_onsets, salience_of
from musicgen.music.tempogram import period_evidence

BEATS_VERSION = 3  # a part of every cache's name: raise it whenever other beats come out

_CHANGES = change_costs(small=20.0, large=5.0)
_STEADY_CHANGES = change_costs(small=100.0, large=20.0)
_LOOSE_CHANGES = change_costs(small=8.0, large=3.0)
# Trackers with other assumptions: how much the tempo may change, and the most natural pulse in seconds.
_COMMITTEE = (
    (_STEADY_CHANGES, PREFERRED_S),
    (_CHANGES, 0.45),
    (_CHANGES, 0.95),
    (_LOOSE_CHANGES, PREFERRED_S),
)
_FEWEST_ONSETS = 4
_NEAR_S = 0.07
_UNSTEADY = 4.0  # e-folds of confidence lost per mean change of the log tempo


@dataclass(frozen=True)
class Beats:
    """The beats of a performance.

    Attributes:
        times_s: Increasing, in seconds from the beginning of the file.
        is_downbeat: Which beats begin a bar; None where the metre is uncertain.
        confidence: 0 to 1: how well the trackers of the committee agree with these beats, times their
            steadiness.
    """

    times_s: Float64[np.ndarray, " beats"]
    is_downbeat: Bool[np.ndarray, " beats"] | None
    confidence: float


def track_beats(performance: Performance) -> Beats:
    """Find the beats of a performance.

    A dynamic programme over onsets (Dixon 2001 and Ellis 2007 in spirit) with a hidden beat period of 48
    values. Onsets between two beats are explained by their place in the beat, so that slow and fast beats
    compare: a salient onset (low, loud, long, many notes) is expected on the beat, others also at halves,
    thirds and quarters of it. How often onsets lie a period apart within six seconds is evidence of that
    period. Where nothing is played, beats go on at the last period.

    Four such trackers that assume other tempos and other changes of tempo form a committee; the beats of the
    one that agrees best with the others, at whichever metrical level, are taken (mutual agreement: Holzapfel
    et al. 2012). Beats that are seldom divided and regularly stressed are joined to longer ones.

    The constants were chosen by hand and by a random search on 30 performances of the ASAP data set and
    judged on 30 others, which were looked at while the structure was chosen (see the log). None is trained.

    Args:
        performance: Its seconds and velocities are looked at, its quarters are not.

    Returns:
        The beats; none, with confidence 0, for fewer than four onsets.
    """
    onsets = group_onsets(performance)
    if len(onsets.times_s) < _FEWEST_ONSETS:
        return Beats(np.zeros(0), None, 0.0)
    weights = np.exp(np.clip(salience_of(onsets), -3, 3))
    evidence = period_evidence(onsets.times_s, weights=weights, periods_s=PERIODS_S)
    paths = [
        Lattice(onsets.times_s, weights, evidence, changes, preferred_s).best_path()
        for changes, preferred_s in _COMMITTEE
    ]
    chosen = paths[_most_agreed([[best_level(path, other) for other in paths] for path in paths])]
    with_others = np.mean([agreement(chosen, path) for path in paths if path is not chosen])
    times_s = join_parts(performance, onsets, chosen)
    return Beats(times_s, find_downbeats(onsets, times_s), float(with_others) * _steadiness(chosen))


def _most_agreed(agreements: list[list[float]]) -> int:
    """Number the tracker that agrees best with the others, as they do with it."""
    either_way = np.maximum(agreements, np.transpose(agreements))
    return int((either_way.sum(axis=1) - either_way.diagonal()).argmax())


def agreement(times_s: Float64[np.ndarray, " beats"], others_s: Float64[np.ndarray, " others"]) -> float:
    """Return the F-measure between two series of beats, 0 to 1: pairs at most 70 ms apart, each beat in one.

    Args:
        times_s: Increasing, in seconds.
        others_s: Increasing, in seconds.
    """
    hits = first = second = 0
    while first < len(times_s) and second < len(others_s):
        apart = others_s[second] - times_s[first]
        hits += int(abs(apart) <= _NEAR_S)
        first += int(apart >= -_NEAR_S)
        second += int(apart <= _NEAR_S)
    total = len(times_s) + len(others_s)
    return 2 * hits / total if total else 0.0


def best_level(times_s: Float64[np.ndarray, " beats"], others_s: Float64[np.ndarray, " others"]) -> float:
    """Return the best agreement with beats, each second or third of them, their halves and their thirds.

    Args:
        times_s: Beats of which other levels are made; increasing, in seconds.
        others_s: What is compared with them; increasing, in seconds.
    """
    numbers = np.arange(len(times_s))
    finer = [
        np.interp(np.arange(0, len(times_s) - 1 + 1e-9, 1 / parts), numbers, times_s) for parts in (2, 3)
    ]
    coarser = [times_s[start::every] for every in (2, 3) for start in range(every)]
    return max(agreement(level, others_s) for level in (times_s, *finer, *coarser))


def _steadiness(times_s: Float64[np.ndarray, " beats"]) -> float:
    """Return 1 for beats in one tempo, less the more it changes from beat to beat; 0 for under three."""
    if len(times_s) < 3:
        return 0.0
    return float(np.exp(-_UNSTEADY * np.abs(np.diff(np.log(np.diff(times_s)))).mean()))
