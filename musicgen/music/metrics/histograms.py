"""Histograms of a piece, and their entropy."""

import numpy as np
from jaxtyping import Float, Int

from musicgen.music.notes import Performance

LENGTH_CLASSES = np.exp2(np.arange(-5, 5))
"""Middles of the classes of lengths, in quarters: a 1/32 of a quarter, doubled nine times, to 16."""

TOGETHER_QUARTERS = float(LENGTH_CLASSES[0] / np.sqrt(2))
"""Onsets closer than this are simultaneous: half an octave below the shortest class."""

NAN = float("nan")


def entropy(shares: Float[np.ndarray, " classes"]) -> float:
    """Measure how evenly weights are spread over classes, in bits (0 to log2 of the classes).

    -Σ p log2 p of the weights made to sum to 1 (Shannon). NaN where all are 0 or one is NaN.
    """
    total = shares.sum()
    if not total > 0:
        return NAN
    used = shares[shares > 0] / total
    return float(max(0.0, -(used * np.log2(used)).sum()))


def pitch_class_histogram(performance: Performance) -> Float[np.ndarray, " 12"]:
    """Return the share of notes in each pitch class, from C; NaN in all for silence."""
    if len(performance) == 0:
        return np.full(12, NAN)
    return np.bincount(performance.pitch % 12, minlength=12) / len(performance)


def note_length_histogram(performance: Performance) -> Float[np.ndarray, " classes"]:
    """Return the share of notes in each of the ten length classes of `LENGTH_CLASSES`.

    A length belongs to the class nearest in octaves; shorter and longer ones to the outermost.
    NaN in all classes for silence. Yang and Lerch 2018, section 3.2 (twelve notated classes there).
    """
    return _class_shares(performance.offset_quarters - performance.onset_quarters)


def inter_onset_histogram(performance: Performance) -> Float[np.ndarray, " classes"]:
    """Return the share of gaps between successive onsets in eleven classes.

    The first class is for notes that begin together (closer than half-way, in octaves, below the
    shortest class: 0.022 quarters), the other ten are those of `LENGTH_CLASSES`. NaN in all classes for fewer
    than two notes.
    """
    gaps = onset_gaps(performance)
    together = gaps < TOGETHER_QUARTERS
    if len(gaps) == 0:
        return np.full(len(LENGTH_CLASSES) + 1, NAN)
    apart = np.bincount(_length_class(gaps[~together]), minlength=len(LENGTH_CLASSES))
    return np.concatenate([[np.count_nonzero(together)], apart]) / len(gaps)


def onset_gaps(performance: Performance) -> Float[np.ndarray, " gaps"]:
    """Measure the time between successive onsets in quarters, 0 for notes that begin together."""
    return np.diff(performance.onset_quarters)


def _class_shares(lengths: Float[np.ndarray, " lengths"]) -> Float[np.ndarray, " classes"]:
    if len(lengths) == 0:
        return np.full(len(LENGTH_CLASSES), NAN)
    return np.bincount(_length_class(lengths), minlength=len(LENGTH_CLASSES)) / len(lengths)


def _length_class(lengths: Float[np.ndarray, " lengths"]) -> Int[np.ndarray, " lengths"]:
    octave = np.rint(np.log2(lengths / LENGTH_CLASSES[0]))
    return np.clip(octave, 0, len(LENGTH_CLASSES) - 1).astype(np.int64)
