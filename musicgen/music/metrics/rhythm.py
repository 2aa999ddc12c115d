"""Metrics of time and texture: grooving, polyphony, silence, note lengths, gaps between onsets."""

import numpy as np
from jaxtyping import Float, Int

from musicgen.music.grid import TICKS_PER_QUARTER
from musicgen.music.metrics.bars import (
    POSITIONS_PER_QUARTER,
    QUARTERS_PER_BAR,
    onset_positions,
    sampled_spans,
    times_from_first_quarter,
)
from musicgen.music.notes import Performance

LENGTH_CLASSES = np.exp2(np.arange(-5, 5))
"""Middles of the classes of lengths, in quarters: a 1/32 of a quarter, doubled nine times, to 16."""

NAN = float("nan")


def grooving_similarity(performance: Performance) -> float:
    """Measure how alike the rhythms of the bars are (0 to 1).

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
    differing = used * (bars - used)  # pairs of bars of which one begins a note there
    return float(1 - np.mean(differing / (bars * (bars - 1) / 2)))


def polyphony(performance: Performance, *, positions_per_quarter: int = POSITIONS_PER_QUARTER) -> float:
    """Measure how many pitches sound at once, while anything sounds (1 to 88).

    Mean over the sampled instants at which something sounds. muspy's `polyphony`, which looks at
    every tick; the instants here are the 16 positions of a bar. NaN where nothing is heard.

    Args:
        performance: The notes.
        positions_per_quarter: How many instants of a quarter are looked at.
    """
    sounding = _sounding(performance, positions_per_quarter)
    heard = np.count_nonzero(sounding)
    return float(sounding.sum() / heard) if heard else NAN


def polyphony_rate(
    performance: Performance, *, positions_per_quarter: int = POSITIONS_PER_QUARTER, pitches: int = 2
) -> float:
    """Measure the share of all instants at which at least `pitches` pitches sound (0 to 1).

    MuseGAN's polyphonicity (Dong et al. 2018). muspy's `polyphony_rate` counts more than its
    threshold, so its threshold of 1 is our 2. NaN for silence.

    Args:
        performance: The notes.
        positions_per_quarter: How many instants of a quarter are looked at.
        pitches: How many pitches make polyphony.
    """
    sounding = _sounding(performance, positions_per_quarter)
    return float(np.mean(sounding >= pitches)) if len(sounding) else NAN


def silence_rate(performance: Performance, *, positions_per_quarter: int = POSITIONS_PER_QUARTER) -> float:
    """Measure the share of instants within the piece at which nothing sounds (0 to 1).

    From the first onset's quarter to the last offset. NaN for a piece without notes: it has no
    length of which a share could be silent.
    """
    sounding = _sounding(performance, positions_per_quarter)
    return float(np.mean(sounding == 0)) if len(sounding) else NAN


def empty_bar_rate(performance: Performance) -> float:
    """Measure the share of bars in which nothing sounds (0 to 1).

    Bars from the first onset's quarter to the last offset. MuseGAN's ratio of empty bars (Dong et
    al. 2018); muspy's `empty_measure_rate` also counts the bar that a last offset on its line
    would open. NaN for a piece without notes.
    """
    if len(performance) == 0:
        return NAN
    onset, offset = times_from_first_quarter(performance)
    first = np.floor(onset / QUARTERS_PER_BAR).astype(np.int64)
    end = np.maximum(np.ceil(offset / QUARTERS_PER_BAR).astype(np.int64), first + 1)
    return float(np.mean(_coverage(first, end, int(end.max())) == 0))


def notes_per_quarter(performance: Performance) -> float:
    """Measure the density: notes for each quarter from the first onset's quarter to the last offset.

    NaN for silence.
    """
    if len(performance) == 0:
        return NAN
    _, offset = times_from_first_quarter(performance)
    return float(len(performance) / max(offset.max(), 1 / TICKS_PER_QUARTER))


def note_length_histogram(performance: Performance) -> Float[np.ndarray, " classes"]:
    """Give the share of notes in each of the ten length classes of `LENGTH_CLASSES`.

    A length belongs to the class nearest in octaves; shorter and longer ones to the outermost.
    NaN in all classes for silence. Yang and Lerch 2018, section 3.2 (twelve notated classes there).
    """
    return _class_shares(performance.offset_quarters - performance.onset_quarters)


def inter_onset_histogram(performance: Performance) -> Float[np.ndarray, " classes"]:
    """Give the share of gaps between successive onsets in eleven classes.

    The first class is for notes that begin together (closer than half-way, in octaves, below the
    shortest class: 0.022 quarters), the other ten are those of `LENGTH_CLASSES`. NaN in all classes for fewer
    than two notes.
    """
    gaps = _onset_gaps(performance)
    together = gaps < _TOGETHER
    if len(gaps) == 0:
        return np.full(len(LENGTH_CLASSES) + 1, NAN)
    apart = np.bincount(_length_class(gaps[~together]), minlength=len(LENGTH_CLASSES))
    return np.concatenate([[np.count_nonzero(together)], apart]) / len(gaps)


def inter_onset_quarters(performance: Performance) -> float:
    """Give the median gap in quarters between onsets that are not together; NaN where there is none."""
    gaps = _onset_gaps(performance)
    apart = gaps[gaps >= _TOGETHER]
    return float(np.median(apart)) if len(apart) else NAN


_TOGETHER = float(LENGTH_CLASSES[0] / np.sqrt(2))


def _onset_gaps(performance: Performance) -> Float[np.ndarray, " gaps"]:
    return np.diff(performance.onset_quarters)


def _class_shares(lengths: Float[np.ndarray, " lengths"]) -> Float[np.ndarray, " classes"]:
    if len(lengths) == 0:
        return np.full(len(LENGTH_CLASSES), NAN)
    return np.bincount(_length_class(lengths), minlength=len(LENGTH_CLASSES)) / len(lengths)


def _length_class(lengths: Float[np.ndarray, " lengths"]) -> Int[np.ndarray, " lengths"]:
    octave = np.rint(np.log2(lengths / LENGTH_CLASSES[0]))
    return np.clip(octave, 0, len(LENGTH_CLASSES) - 1).astype(np.int64)


def _sounding(performance: Performance, positions_per_quarter: int) -> Int[np.ndarray, " instants"]:
    """Count the pitches that sound at each instant, to the last offset."""
    if len(performance) == 0:
        return np.zeros(0, dtype=np.int64)
    _, offset = times_from_first_quarter(performance)
    start, stop, _ = sampled_spans(performance, positions_per_quarter=positions_per_quarter)
    length = int(np.ceil(offset.max() * positions_per_quarter - 1e-6))
    return _coverage(start, stop, max(length, 1))


def _coverage(
    start: Int[np.ndarray, " spans"], stop: Int[np.ndarray, " spans"], length: int
) -> Int[np.ndarray, " length"]:
    """Count how many spans cover each cell of a line."""
    steps = np.bincount(start, minlength=length + 1) - np.bincount(stop, minlength=length + 1)
    return np.cumsum(steps)[:length]
