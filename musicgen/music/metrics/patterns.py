"""Count small melodic, harmonic and rhythmic patterns of notes."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int, Real, UInt32

from musicgen.music.grid import from_packed
from musicgen.music.notes import LOWEST_PITCH
from musicgen.music.packing import NUM_PITCHES, TICKS_PER_QUARTER

LAGS = (1, 2, 3, 4, 6)
"""Distances in notes between which intervals are counted."""

FAMILIES = {
    "pitch_class": 12,
    "pitch": NUM_PITCHES,
    **{f"interval_{lag}": 49 for lag in LAGS},  # -24 to 24 semitones
    "inter_onset": 24,  # thirds of an octave of ticks
    "duration": 32,
    "inter_onset_pair": 144,
    "interval_pair": 361,  # two intervals in a row, -9 to 9 each
    "duration_inter_onset": 192,
    "duration_register": 176,
    "above_bass": 60,
    "voices": 14,
    "chord_tone_voices": 144,
}
"""Families of patterns and how many there are in each; every note counts once in every family."""

NUM_PATTERNS = sum(FAMILIES.values())
_REACH = 12  # neighbours before and after that may overlap a note
_TOGETHER_TICKS = 1


@dataclass(frozen=True)
class _Notes:
    """Notes in order of onset, in ticks and semitones."""

    pitch: np.ndarray
    onset: np.ndarray
    duration: np.ndarray


def count_patterns(
    packed: UInt32[np.ndarray, "quarters pitches"], *, quarters_per_segment: int
) -> Int[np.ndarray, "segments patterns"]:
    """Count the patterns of a piece, segment by segment, so that any stretch is a sum.

    Pitch classes and pitches; intervals to the notes 1, 2, 3, 4 and 6 before; time since the note before
    and duration, in thirds of an octave; pairs of these; the distance from the lowest note that sounds,
    how many sound, and both. The histograms of Yang and Lerch 2018, section 3.2, and their pairs.

    Args:
        packed: Packed slices of consecutive quarters.
        quarters_per_segment: Length of a segment, 1 or more; a note counts at its onset.

    Returns:
        Counts, (segments, `NUM_PATTERNS`), families concatenated in order.

    Raises:
        ValueError: The length is below 1.
    """
    if quarters_per_segment < 1:
        raise ValueError(f"quarters_per_segment={quarters_per_segment}; use 1 or more")
    performance = from_packed(packed)
    ticks = {
        name: np.rint(values * TICKS_PER_QUARTER).astype(np.int64)
        for name, values in (
            ("onset", performance.onset_quarters),
            ("duration", performance.offset_quarters - performance.onset_quarters),
        )
    }
    notes = _Notes(pitch=performance.pitch.astype(np.int64), **ticks)
    segments = -(-len(packed) // quarters_per_segment)
    row = notes.onset // (TICKS_PER_QUARTER * quarters_per_segment) * NUM_PATTERNS
    counts = np.zeros(segments * NUM_PATTERNS, np.int64)
    first = 0
    for family, pattern in _patterns(notes).items():
        known = pattern >= 0
        counts += np.bincount(row[known] + first + pattern[known], minlength=len(counts))
        first += FAMILIES[family]
    return counts.reshape(segments, NUM_PATTERNS)


def transpose_counts(
    counts: Real[np.ndarray, "*segments patterns"], *, semitones: int
) -> Real[np.ndarray, "*segments patterns"]:
    """Transpose the pitch classes and pitches of counts; the register of durations (eight semitones) stays.

    Args:
        counts: Counts of `count_patterns`, or sums of them.
        semitones: Semitones upwards.

    Returns:
        New counts. Pitches that leave the keyboard come back at its other end, where next to none sound.
    """
    moved = counts.copy()
    end = FAMILIES["pitch_class"] + FAMILIES["pitch"]
    moved[..., :12] = np.roll(counts[..., :12], semitones, axis=-1)
    moved[..., 12:end] = np.roll(counts[..., 12:end], semitones, axis=-1)
    return moved


def _patterns(notes: _Notes) -> dict[str, Int[np.ndarray, " notes"]]:
    """Return the pattern of each note in each family, -1 for none."""
    pitch, gap = notes.pitch, _since(notes.onset, 1)
    inter_onset = np.where(gap >= 0, _octave_thirds(gap, 24), -1)
    duration = _octave_thirds(notes.duration, 32)
    interval = {lag: _interval(pitch, lag) for lag in LAGS}
    bass, voices = _bass_and_voices(notes)
    step = np.where(interval[1] >= 0, np.clip(interval[1] - 24, -9, 9) + 9, -1)
    return {
        "pitch_class": pitch % 12,
        "pitch": pitch - LOWEST_PITCH,
        **{f"interval_{lag}": interval[lag] for lag in LAGS},
        "inter_onset": inter_onset,
        "duration": duration,
        "inter_onset_pair": _pair(_half(inter_onset), _before(_half(inter_onset)), 12),
        "interval_pair": _pair(step, _before(step), 19),
        "duration_inter_onset": _pair(_half(duration), np.maximum(_half(inter_onset), 0), 12),
        "duration_register": _pair(_half(duration), (pitch - LOWEST_PITCH) // 8, 11),
        "above_bass": np.minimum(pitch - bass, 59),
        "voices": np.minimum(voices, 13),
        "chord_tone_voices": _pair((pitch - bass) % 12, np.minimum(voices, 11), 12),
    }


def _since(values: np.ndarray, lag: int) -> np.ndarray:
    """Return the differences of values `lag` apart; -1 for the first `lag` (values are non-decreasing)."""
    result = np.full(len(values), -1, np.int64)
    result[lag:] = values[lag:] - values[:-lag]
    return result


def _before(values: np.ndarray) -> np.ndarray:
    return np.concatenate([np.full(1, -1), values[:-1]])[: len(values)]


def _interval(pitch: np.ndarray, lag: int) -> np.ndarray:
    result = np.full(len(pitch), -1, np.int64)
    result[lag:] = np.clip(pitch[lag:] - pitch[:-lag], -24, 24) + 24
    return result


def _octave_thirds(ticks: np.ndarray, classes: int) -> np.ndarray:
    """Map lengths in ticks to classes of a third of an octave; 0 is the first class."""
    return np.clip(np.round(3 * np.log2(np.maximum(ticks, 0.5))) + 3, 0, classes - 1).astype(np.int64)


def _half(classes: np.ndarray) -> np.ndarray:
    return np.where(classes >= 0, classes // 2, -1)


def _pair(first: np.ndarray, second: np.ndarray, size: int) -> np.ndarray:
    """Encode pairs as numbers; -1 if a part is unknown."""
    return np.where((first >= 0) & (second >= 0), first * size + second, -1)


def _bass_and_voices(notes: _Notes) -> tuple[np.ndarray, np.ndarray]:
    """Return the lowest sounding note at each onset, and the number of other sounding notes.

    Only the twelve notes before and after are asked; those struck within a tick count as together.
    """
    bass, voices = notes.pitch.copy(), np.zeros(len(notes.pitch), np.int64)
    offset = notes.onset + notes.duration
    for lag in range(1, min(_REACH, len(bass) - 1) + 1):
        held = offset[:-lag] > notes.onset[lag:]
        bass[lag:] = np.where(held, np.minimum(bass[lag:], notes.pitch[:-lag]), bass[lag:])
        voices[lag:] += held
        together = notes.onset[lag:] - notes.onset[:-lag] <= _TOGETHER_TICKS
        bass[:-lag] = np.where(together, np.minimum(bass[:-lag], notes.pitch[lag:]), bass[:-lag])
        voices[:-lag] += together
    return bass, voices
