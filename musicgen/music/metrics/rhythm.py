"""Metrics of time: grooving, density, lengths of notes, gaps between onsets."""

import numpy as np

from musicgen.music.metrics.bars import (
    POSITIONS_PER_QUARTER,
    QUARTERS_PER_BAR,
    onset_positions,
    times_from_first_quarter,
)
from musicgen.music.metrics.histograms import (
    TOGETHER_QUARTERS,
    entropy,
    inter_onset_histogram,
    note_length_histogram,
    onset_gaps,
)
from musicgen.music.notes import Performance
from musicgen.music.packing import TICKS_PER_QUARTER

NAN = float("nan")


def grooving_similarity(performance: Performance) -> float:
    """Measure the similarity of the rhythms of bars (0 to 1).

    Mean over all pairs of bars of 1 - mean XOR of their onset vectors of 16 positions. Bars count
    from the first onset's quarter to the last onset; empty ones too. Wu and Yang 2020, section 4.2
    (with 64 positions there). NaN for silence and for a single bar.
    """
    if len(performance) == 0:
        return NAN
    per_bar = POSITIONS_PER_QUARTER * QUARTERS_PER_BAR
    position = onset_positions(performance)
    bars = int(position.max()) // per_bar + 1
    if bars < 2:
        return NAN
    used = np.bincount(np.unique(position) % per_bar, minlength=per_bar)
    differing = used * (bars - used)  # pairs of bars with an onset in one of them
    return float(1 - np.mean(differing / (bars * (bars - 1) / 2)))


def notes_per_quarter(performance: Performance) -> float:
    """Measure the density: notes for each quarter from the first onset's quarter to the last offset.

    NaN for silence.
    """
    if len(performance) == 0:
        return NAN
    _, offset = times_from_first_quarter(performance)
    return float(len(performance) / max(offset.max(), 1 / TICKS_PER_QUARTER))


def note_length_quarters(performance: Performance) -> float:
    """Average the lengths of the notes in quarters; NaN for silence."""
    lengths = performance.offset_quarters - performance.onset_quarters
    return float(lengths.mean()) if len(performance) else NAN


def note_length_entropy(performance: Performance) -> float:
    """Measure how evenly the ten classes of note lengths are used, in bits (0 to 3.322); NaN for silence."""
    return entropy(note_length_histogram(performance))


def inter_onset_quarters(performance: Performance) -> float:
    """Return the median gap in quarters between onsets that are not simultaneous; NaN without gaps."""
    gaps = onset_gaps(performance)
    apart = gaps[gaps >= TOGETHER_QUARTERS]
    return float(np.median(apart)) if len(apart) else NAN


def inter_onset_entropy(performance: Performance) -> float:
    """Measure how evenly the eleven classes of gaps are used, in bits (0 to 3.459); NaN below two notes."""
    return entropy(inter_onset_histogram(performance))
