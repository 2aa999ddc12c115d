"""Metrics of texture: polyphony and silence."""

import numpy as np
from jaxtyping import Int

from musicgen.music.metrics.bars import (
    POSITIONS_PER_QUARTER,
    QUARTERS_PER_BAR,
    sampled_spans,
    times_from_first_quarter,
)
from musicgen.music.notes import Performance

NAN = float("nan")


def polyphony(performance: Performance, *, positions_per_quarter: int = POSITIONS_PER_QUARTER) -> float:
    """Measure the mean number of simultaneous pitches while any sounds (1 to 88).

    Mean over the sampled instants at which something sounds. muspy's `polyphony`, which looks at
    every tick; the instants here are the 16 positions of a bar. NaN for silence.

    Args:
        performance: The notes.
        positions_per_quarter: Sampled instants per quarter.
    """
    sounding = _sounding(performance, positions_per_quarter)
    num_sounding = np.count_nonzero(sounding)
    return float(sounding.sum() / num_sounding) if num_sounding else NAN


def polyphony_rate(
    performance: Performance, *, positions_per_quarter: int = POSITIONS_PER_QUARTER, pitches: int = 2
) -> float:
    """Measure the share of all instants at which at least `pitches` pitches sound (0 to 1).

    MuseGAN's polyphonicity (Dong et al. 2018). muspy's `polyphony_rate` counts more than its
    threshold, so its threshold of 1 is our 2. NaN for silence.

    Args:
        performance: The notes.
        positions_per_quarter: Sampled instants per quarter.
        pitches: Least number of pitches.
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
    """Count the spans that cover each cell of a line."""
    steps = np.bincount(start, minlength=length + 1) - np.bincount(stop, minlength=length + 1)
    return np.cumsum(steps)[:length]
