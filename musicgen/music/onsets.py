"""Group notes that are struck together, and measure how much each group stands out."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int

from musicgen.music.notes import Performance

_TOGETHER_S = 0.04  # notes of a chord are further apart in a performance only when it is broken
_NEIGHBOURS = 16  # groups on each side that a group is compared with
# Weights of what makes a group stand out, each in standard deviations of its neighbourhood.
_CHORD, _LOUD, _LOW, _LONG, _BEFORE_GAP = 0.7, 1.25, 0.75, 0.22, 0.07


@dataclass(frozen=True)
class OnsetGroups:
    """Groups of notes that are struck together, in order of time.

    Attributes:
        times_s: Mean onset, in seconds.
        num_notes: Notes in the group.
        lowest_pitch: MIDI number.
        velocity: Of the loudest note.
        duration_s: Of the longest note.
        pitch_classes: How many of its notes are C, C sharp, and so on to B.
    """

    times_s: Float64[np.ndarray, " groups"]
    num_notes: Int[np.ndarray, " groups"]
    lowest_pitch: Int[np.ndarray, " groups"]
    velocity: Int[np.ndarray, " groups"]
    duration_s: Float64[np.ndarray, " groups"]
    pitch_classes: Float64[np.ndarray, "groups 12"]


def group_onsets(performance: Performance) -> OnsetGroups:
    """Group notes whose onsets follow each other within 40 ms."""
    onset_s = performance.onset_s
    if not len(onset_s):
        nothing = np.zeros(0, dtype=np.int64)
        return OnsetGroups(np.zeros(0), nothing, nothing, nothing, np.zeros(0), np.zeros((0, 12)))
    first = np.r_[0, 1 + np.flatnonzero(np.diff(onset_s) > _TOGETHER_S)]
    num_notes = np.diff(np.r_[first, len(onset_s)])
    return OnsetGroups(
        times_s=np.add.reduceat(onset_s, first) / num_notes,
        num_notes=num_notes,
        lowest_pitch=np.minimum.reduceat(performance.pitch.astype(np.int64), first),
        velocity=np.maximum.reduceat(performance.velocity.astype(np.int64), first),
        duration_s=np.maximum.reduceat(performance.offset_s - onset_s, first),
        pitch_classes=np.add.reduceat(np.eye(12)[performance.pitch % 12], first),
    )


def salience_of(onsets: OnsetGroups) -> Float64[np.ndarray, " groups"]:
    """Measure how much each group stands out near it: many notes, loud, low, long, before a gap."""
    to_next_s = np.r_[np.diff(onsets.times_s), 1.0]
    return (
        _CHORD * _standardised(np.log(onsets.num_notes))
        + _LOUD * _standardised(onsets.velocity / 10.0)
        - _LOW * _standardised(onsets.lowest_pitch / 6.0)
        + _LONG * _standardised(np.log(np.clip(onsets.duration_s, 0.05, 2)))
        + _BEFORE_GAP * _standardised(np.log(np.clip(to_next_s, 0.03, 2)))
    )


def _standardised(values: Float64[np.ndarray, " groups"]) -> Float64[np.ndarray, " groups"]:
    """Express values in standard deviations of their neighbourhood, at most 2.5 either way."""
    window = np.ones(2 * _NEIGHBOURS + 1)
    count = _same_length(np.ones(len(values)), window)
    mean = _same_length(values, window) / count
    variance = _same_length(values**2, window) / count - mean**2
    return np.clip((values - mean) / np.sqrt(np.maximum(variance, 0) + 1e-3), -2.5, 2.5)


def _same_length(
    values: Float64[np.ndarray, " groups"], window: Float64[np.ndarray, " window"]
) -> Float64[np.ndarray, " groups"]:
    """Sum over a window around each value, whichever of both is longer."""
    reach = len(window) // 2
    return np.convolve(values, window)[reach : reach + len(values)]
