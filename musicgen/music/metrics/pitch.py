"""Metrics of pitch: classes, scales, range."""

import numpy as np

from musicgen.music.metrics.bars import POSITIONS_PER_QUARTER, QUARTERS_PER_BAR, onset_positions
from musicgen.music.metrics.histograms import entropy, pitch_class_histogram
from musicgen.music.notes import Performance

NAN = float("nan")

_MAJOR_SCALE = np.array([1, 0, 1, 0, 1, 1, 0, 1, 0, 1, 0, 1], dtype=np.float64)
# The natural minor scales are the same twelve sets of notes, begun elsewhere.
_SCALES = np.stack([np.roll(_MAJOR_SCALE, tonic) for tonic in range(12)])


def pitch_class_entropy(performance: Performance) -> float:
    """Measure how evenly the twelve pitch classes are used, in bits (0 to 3.585).

    Entropy of the notes' pitch classes, each note counted once whatever its length. Wu and Yang
    2020, section 4.1, over the whole piece; muspy's `pitch_class_entropy`. NaN for silence, so that an
    empty piece is not confused with a monotone one.
    """
    return entropy(pitch_class_histogram(performance))


def bar_entropy(performance: Performance, *, bars: int) -> float:
    """Measure how evenly the pitch classes are used within passages of `bars` bars, in bits.

    H1 and H4 of Wu and Yang 2020 (section 4.1), 0 to 3.585: entropy of the pitch classes of the
    notes that begin in a passage, averaged over the passages. Passages lie end to end, as in the
    published values on this data; those without an onset are skipped. NaN for
    silence.

    Args:
        performance: The notes.
        bars: Length of a passage, at least 1.

    Raises:
        ValueError: The length is below 1.
    """
    if bars < 1:
        raise ValueError(f"bars={bars} is not allowed; give 1 or more")
    if len(performance) == 0:
        return NAN
    passage = onset_positions(performance) // (POSITIONS_PER_QUARTER * QUARTERS_PER_BAR * bars)
    _, row = np.unique(passage, return_inverse=True)
    rows = int(row.max()) + 1
    counts = np.bincount(row * 12 + performance.pitch % 12, minlength=rows * 12).reshape(rows, 12)
    shares = counts / counts.sum(axis=1, keepdims=True)
    logarithms = np.log2(shares, out=np.zeros_like(shares), where=shares > 0)
    return float(max(0.0, -(shares * logarithms).sum(axis=1).mean()))


def scale_consistency(performance: Performance) -> float:
    """Measure the share of notes in the best-fitting scale (7/12 for uniform notes, to 1).

    Greatest over the 24 major and natural minor scales. Mogren 2016; muspy's `scale_consistency`.
    NaN for silence.
    """
    return float((_SCALES @ pitch_class_histogram(performance)).max())


def pitch_range(performance: Performance) -> float:
    """Return the distance of the highest and the lowest note in semitones (0 to 87); NaN for silence."""
    if len(performance) == 0:
        return NAN
    return float(int(performance.pitch.max()) - int(performance.pitch.min()))


def mean_pitch(performance: Performance) -> float:
    """Average the MIDI numbers of the notes (21 to 108); NaN for silence."""
    return float(performance.pitch.mean()) if len(performance) else NAN
