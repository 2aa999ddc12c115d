"""Histograms of how notes are played: velocity, times between onsets, durations and pedal."""

import numpy as np
from jaxtyping import Float

from musicgen.music.expression.pedal import pedal_spans
from musicgen.music.notes import Performance

_VELOCITIES_A_CLASS = 4
_GAP_EDGES_S = np.concatenate([[0.0], np.geomspace(0.002, 4.0, 23), [np.inf]])
_DURATION_EDGES_S = np.concatenate([[0.0], np.geomspace(0.03, 8.0, 23), [np.inf]])
_PEDAL_EDGES_S = np.concatenate([[0.0], np.geomspace(0.1, 10.0, 15), [np.inf]])


def velocity_histogram(performance: Performance) -> Float[np.ndarray, " 32"]:
    """Return the share of notes in classes of four velocities; zeros for silence."""
    return _shares(np.bincount(performance.velocity // _VELOCITIES_A_CLASS, minlength=32))


def gap_histogram(performance: Performance) -> Float[np.ndarray, " 24"]:
    """Return the share of times between successive onsets in 24 classes, from below 2 ms to over 4 s."""
    return _shares(np.histogram(np.diff(np.sort(performance.onset_s)), _GAP_EDGES_S)[0])


def duration_histogram(performance: Performance) -> Float[np.ndarray, " 24"]:
    """Return the share of notes whose keys are held in 24 classes, from below 30 ms to over 8 s."""
    return _shares(np.histogram(performance.offset_s - performance.onset_s, _DURATION_EDGES_S)[0])


def pedal_histogram(performance: Performance) -> Float[np.ndarray, " 17"]:
    """Return how often the sustain pedal is held, in 16 classes from below .1 s to over 10 s, and never.

    The last class is 1 for a piece without pedal, so that such pieces differ from all others.
    """
    begin_s, end_s = pedal_spans(performance)
    held = np.histogram(end_s - begin_s, _PEDAL_EDGES_S)[0]
    return _shares(np.append(held, float(len(begin_s) == 0)))


def pedal_share(performance: Performance) -> float:
    """Return the share of the time until the last note ends in which the sustain pedal is down, 0 to 1."""
    begin_s, end_s = pedal_spans(performance)
    return float((end_s - begin_s).sum() / performance.duration_s) if len(performance) else 0.0


def _shares(counts: np.ndarray) -> Float[np.ndarray, " classes"]:
    return counts / max(float(counts.sum()), 1.0)
