"""Metrics of a piece: pitch, and all the scalar ones of one piece by name."""

import numpy as np
from jaxtyping import Float

from musicgen.music.metrics.bars import POSITIONS_PER_QUARTER, QUARTERS_PER_BAR, onset_positions
from musicgen.music.metrics.rhythm import (
    empty_bar_rate,
    grooving_similarity,
    inter_onset_histogram,
    inter_onset_quarters,
    note_length_histogram,
    notes_per_quarter,
    polyphony,
    polyphony_rate,
    silence_rate,
)
from musicgen.music.metrics.selfsimilarity import (
    STRUCTURE_SPANS,
    bar_similarity,
    bar_similarity_matrix,
    repeated_interval_rate,
    structureness,
)
from musicgen.music.notes import Performance

__all__ = [
    "bar_entropy",
    "bar_similarity",
    "bar_similarity_matrix",
    "describe",
    "empty_bar_rate",
    "entropy",
    "grooving_similarity",
    "inter_onset_histogram",
    "inter_onset_quarters",
    "note_length_histogram",
    "notes_per_quarter",
    "pitch_class_entropy",
    "pitch_class_histogram",
    "pitch_range",
    "polyphony",
    "polyphony_rate",
    "repeated_interval_rate",
    "scale_consistency",
    "silence_rate",
    "structureness",
]

BAR_DISTANCES = (1, 2, 4, 8)
"""Distances in bars at which `describe` measures how alike bars are."""

NAN = float("nan")

_MAJOR_SCALE = np.array([1, 0, 1, 0, 1, 1, 0, 1, 0, 1, 0, 1], dtype=np.float64)
# The natural minor scales are the same twelve sets of notes, begun elsewhere.
_SCALES = np.stack([np.roll(_MAJOR_SCALE, tonic) for tonic in range(12)])


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
    """Give the share of notes in each pitch class, from C; NaN in all for silence."""
    if len(performance) == 0:
        return np.full(12, NAN)
    return np.bincount(performance.pitch % 12, minlength=12) / len(performance)


def pitch_class_entropy(performance: Performance) -> float:
    """Measure how evenly the twelve pitch classes are used, in bits (0 to 3.585).

    Entropy of the notes' pitch classes, each note counted once whatever its length. Wu and Yang
    2020, section 4.1, over the whole piece; muspy's `pitch_class_entropy`. NaN for silence, so that
    an empty piece is never taken for a monotone one.
    """
    return entropy(pitch_class_histogram(performance))


def bar_entropy(performance: Performance, *, bars: int) -> float:
    """Measure how evenly the pitch classes are used within passages of `bars` bars, in bits.

    H1 and H4 of Wu and Yang 2020 (section 4.1), 0 to 3.585: entropy of the pitch classes of the
    notes that begin in a passage, averaged over the passages. Passages lie end to end, as in the
    published values on this data; those without an onset say nothing and are left out. NaN for
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
    """Measure the share of notes that fit the scale which fits best (7/12 for all alike, to 1).

    Greatest over the 24 major and natural minor scales. Mogren 2016; muspy's `scale_consistency`.
    NaN for silence.
    """
    return float((_SCALES @ pitch_class_histogram(performance)).max())


def pitch_range(performance: Performance) -> float:
    """Give the distance of the highest and the lowest note in semitones (0 to 87); NaN for silence."""
    if len(performance) == 0:
        return NAN
    return float(int(performance.pitch.max()) - int(performance.pitch.min()))


def describe(performance: Performance) -> dict[str, float]:
    """Give all scalar metrics of one piece by their names, NaN where a metric does not apply.

    Units and ranges are those of the functions: entropies in bits, times in quarters, rates and
    similarities from 0 to 1.
    """
    known = len(performance) > 0
    lengths = performance.offset_quarters - performance.onset_quarters
    metrics = {
        "pitch_class_entropy": pitch_class_entropy(performance),
        "h1": bar_entropy(performance, bars=1),
        "h4": bar_entropy(performance, bars=4),
        "scale_consistency": scale_consistency(performance),
        "grooving_similarity": grooving_similarity(performance),
        "polyphony": polyphony(performance),
        "polyphony_rate": polyphony_rate(performance),
        "silence_rate": silence_rate(performance),
        "empty_bar_rate": empty_bar_rate(performance),
        "notes_per_quarter": notes_per_quarter(performance),
        "pitch_range": pitch_range(performance),
        "mean_pitch": float(performance.pitch.mean()) if known else NAN,
        "note_length_quarters": float(lengths.mean()) if known else NAN,
        "note_length_entropy": entropy(note_length_histogram(performance)),
        "inter_onset_quarters": inter_onset_quarters(performance),
        "inter_onset_entropy": entropy(inter_onset_histogram(performance)),
        "repeated_interval_rate": repeated_interval_rate(performance),
    }
    for distance in BAR_DISTANCES:
        metrics[f"bar_similarity_{distance}"] = bar_similarity(performance, distance=distance)
    for name, span_quarters in STRUCTURE_SPANS.items():
        metrics[f"structureness_{name}"] = structureness(performance, span_quarters=span_quarters)
    return metrics
