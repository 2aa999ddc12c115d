"""Repetition in a piece: bars, interval patterns and passages."""

import numpy as np
from jaxtyping import Bool, Float, Int

from musicgen.music.metrics.bars import (
    POSITIONS_PER_QUARTER,
    QUARTERS_PER_BAR,
    onset_positions,
    times_from_first_quarter,
)
from musicgen.music.notes import Performance

STRUCTURE_SPANS = {"short": 12, "middle": 24, "long": 48}
"""Spans of structureness in quarters: at 120 bpm the 6, 12 and 24 s that lie within Wu and Yang's
three ranges (3 to 8, 8 to 15, and 15 s or more)."""

NAN = float("nan")

_HOP_QUARTERS = 2  # passages are compared at every half bar
_BLOCK = 1024  # rows of a similarity matrix in memory


def bar_similarity(performance: Performance, *, distance: int) -> float:
    """Measure the similarity of bars that are `distance` bars apart (0 to 1).

    Mean over all pairs of bars that far apart of |A ∩ B| / |A ∪ B|, where A and B hold each note
    that begins in the bar as its pitch and its position of 16. Museformer's similarity of bars
    (Yu et al. 2022, section 3.1), which also asks for equal lengths; transcribed lengths differ at
    every return, so they are left out. Pairs of empty bars are not counted. NaN for
    silence and for pieces of at most `distance` bars.

    Args:
        performance: The notes.
        distance: Distance in bars, at least 1.

    Raises:
        ValueError: The distance is below 1.
    """
    if distance < 1:
        raise ValueError(f"distance={distance} bars is not allowed; give 1 or more")
    if len(performance) == 0:
        return NAN
    bar, content = _bar_contents(performance)
    bars = int(bar.max()) + 1
    if bars <= distance:
        return NAN
    num_contents = int(content.max()) + 1
    earlier, later = (
        np.unique(bar * num_contents + content),
        np.unique((bar - distance) * num_contents + content),
    )
    shared = _per_bar(np.intersect1d(earlier, later, assume_unique=True), num_contents, bars - distance)
    size = _per_bar(earlier, num_contents, bars)
    union = size[:-distance] + size[distance:] - shared
    counted = union > 0
    return float(np.mean(shared[counted] / union[counted])) if counted.any() else NAN


def bar_similarity_matrix(performance: Performance) -> Float[np.ndarray, "bars bars"]:
    """Return the similarity of all pairs of bars, as in `bar_similarity`, for pictures.

    NaN between two empty bars; no rows for silence.
    """
    if len(performance) == 0:
        return np.zeros((0, 0))
    bar, content = _bar_contents(performance)
    kinds, column = np.unique(content, return_inverse=True)
    held = np.zeros((int(bar.max()) + 1, len(kinds)), dtype=np.float32)
    held[bar, column] = 1
    shared = held @ held.T
    size = held.sum(axis=1)
    with np.errstate(invalid="ignore"):
        return shared / (size[:, None] + size[None, :] - shared)


def harmony_similarity_matrix(performance: Performance) -> Float[np.ndarray, "halves halves"]:
    """Correlate the pitch classes of all pairs of half bars (-1 to 1), for pictures.

    The vectors are those of `structureness`: how long each pitch class sounds, less the piece's average. 0
    where a half bar says nothing; no rows for silence.
    """
    chroma = pitch_class_lengths(performance, hop_quarters=float(_HOP_QUARTERS))
    if len(chroma) == 0:
        return np.zeros((0, 0))
    centred = chroma - chroma.mean(axis=0)
    norm = np.linalg.norm(centred, axis=1, keepdims=True)
    centred = centred / np.maximum(norm, 1e-6)
    return centred @ centred.T


def repeated_interval_rate(performance: Performance, *, intervals: int = 4) -> float:
    """Measure the share of interval patterns of the top line that occur more than once (0 to 1).

    The top line is the highest note that begins at each of a bar's 16 positions; a pattern is a run
    of `intervals` successive steps in semitones, so that a transposed return counts. Our own
    definition, on the m-types of Müllensiefen's FANTASTIC (2009) without their rhythm. NaN
    without patterns, as in silence.

    Args:
        performance: The notes.
        intervals: Number of steps of a pattern, 1 to 8.

    Raises:
        ValueError: The number of steps is not 1 to 8.
    """
    if not 1 <= intervals <= 8:
        raise ValueError(f"intervals={intervals} is not allowed; give 1 to 8")
    if len(performance) == 0:
        return NAN
    position = onset_positions(performance)
    highest_last = np.lexsort((performance.pitch, position))
    last = np.append(np.diff(position[highest_last]) > 0, True)
    steps = np.diff(performance.pitch[highest_last][last].astype(np.int64)) + 128
    if len(steps) < intervals:
        return NAN
    runs = np.lib.stride_tricks.sliding_window_view(steps, intervals)
    patterns = runs.astype(np.uint64) @ (np.uint64(256) ** np.arange(intervals, dtype=np.uint64))
    _, counts = np.unique(patterns, return_counts=True)
    return float(counts[counts > 1].sum() / len(patterns))


def structureness(performance: Performance, *, span_quarters: int) -> float:
    """Measure how similar passages of `span_quarters` recur in the piece (-1 to 1).

    Every half bar is a vector: how long each pitch class sounds in it, less the piece's average, so that
    a shared key does not count as similarity. A passage is the row of its half bars; its best correlation
    with a passage that does not overlap it is averaged over all passages. 1: every passage returns as it
    was; noise gives about .3 (short) to .1 (long).

    Wu and Yang 2020 (section 4.4) take the greatest fitness of a scape plot (Müller and Jiang 2012)
    of the audio's self-similarity. That asks for sound and grows with the fourth power of the
    length; this measures the same wish on notes in milliseconds, but follows no change of tempo
    between a passage and its return, and more passages give more chances: compare pieces of like
    length. NaN for silence, for pieces too short to hold two passages and for pieces without
    any contrast.

    Args:
        performance: The notes.
        span_quarters: Length of a passage, a multiple of 2.

    Raises:
        ValueError: The span is not a positive multiple of 2.
    """
    if span_quarters <= 0 or span_quarters % _HOP_QUARTERS:
        raise ValueError(f"span_quarters={span_quarters} is not a positive multiple of {_HOP_QUARTERS}")
    chroma = pitch_class_lengths(performance, hop_quarters=float(_HOP_QUARTERS))
    span = span_quarters // _HOP_QUARTERS
    if len(chroma) - span + 1 <= span:
        return NAN
    chroma = (chroma - chroma.mean(axis=0)).astype(np.float32)
    passages = np.lib.stride_tricks.sliding_window_view(chroma, span, axis=0).reshape(-1, 12 * span)
    norm = np.linalg.norm(passages, axis=1, keepdims=True)
    if norm.max() < 1e-4:
        return NAN
    passages = passages / np.maximum(norm, 1e-6)
    best = np.concatenate(
        [_best_elsewhere(passages, first, span) for first in range(0, len(passages), _BLOCK)]
    )
    return float(best[np.isfinite(best)].mean())


def pitch_lengths(performance: Performance, *, hop_quarters: float) -> Float[np.ndarray, "windows 128"]:
    """Return the duration of each pitch in each window, in quarters, with overlapping notes merged.

    Windows lie end to end from the first onset's quarter; the last may reach past the last offset.
    No windows for silence.
    """
    return _lengths_by(performance, performance.pitch, 128, hop_quarters)


def pitch_class_lengths(performance: Performance, *, hop_quarters: float) -> Float[np.ndarray, "windows 12"]:
    """Return the duration of each pitch class in each window, in quarters, summed over its notes.

    Windows are those of `pitch_lengths`.
    """
    return _lengths_by(performance, performance.pitch % 12, 12, hop_quarters)


def _lengths_by(
    performance: Performance, voice: Int[np.ndarray, " notes"], voices: int, hop_quarters: float
) -> Float[np.ndarray, "windows voices"]:
    if len(performance) == 0:
        return np.zeros((0, voices))
    onset, offset = times_from_first_quarter(performance)
    lines = np.arange(np.ceil(offset.max() / hop_quarters) + 1) * hop_quarters
    lengths = np.zeros((len(lines) - 1, voices))
    for number in np.unique(voice):
        ours = voice == number
        lengths[:, number] = np.diff(sounded_until(lines, onset[ours], offset[ours]))
    return lengths


def sounded_until(
    lines: Float[np.ndarray, " lines"],
    onset: Float[np.ndarray, " notes"],
    offset: Float[np.ndarray, " notes"],
) -> Float[np.ndarray, " lines"]:
    """Return the cumulative duration of notes up to each line."""
    times = np.concatenate([onset, offset])
    order = np.argsort(times, kind="stable")
    sounding = np.cumsum(np.concatenate([np.ones(len(onset)), -np.ones(len(offset))])[order])
    times = times[order]
    total = np.concatenate([[0.0], np.cumsum(np.diff(times) * sounding[:-1])])
    return np.interp(lines, times, total)


def _best_elsewhere(
    passages: Float[np.ndarray, "passages features"], first: int, span: int
) -> Float[np.ndarray, " block"]:
    """Return the best correlation of each passage of a block with one that does not overlap it."""
    likeness = passages[first : first + _BLOCK] @ passages.T
    rows = np.arange(first, first + len(likeness))
    overlaps: Bool[np.ndarray, "block passages"] = np.abs(rows[:, None] - np.arange(len(passages))) < span
    likeness[overlaps] = -np.inf
    return likeness.max(axis=1)


def _bar_contents(performance: Performance) -> tuple[Int[np.ndarray, " notes"], Int[np.ndarray, " notes"]]:
    """Return each note's bar, and a code of its pitch and position in the bar."""
    position = onset_positions(performance)
    per_bar = POSITIONS_PER_QUARTER * QUARTERS_PER_BAR
    return position // per_bar, position % per_bar * 128 + performance.pitch


def _per_bar(keys: Int[np.ndarray, " keys"], num_contents: int, bars: int) -> Int[np.ndarray, " bars"]:
    """Count the keys of each bar."""
    return np.bincount(keys // num_contents, minlength=bars)[:bars]
