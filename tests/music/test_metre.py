"""Downbeats: found where stresses or harmonies come back regularly, left open where they do not."""

import numpy as np
import pytest

from musicgen.music.metre import find_downbeats
from musicgen.music.notes import Performance
from musicgen.music.onsets import group_onsets

BEAT_S = 0.6
CHORDS = np.array([[0, 4, 7], [5, 9, 0], [7, 11, 2], [9, 0, 4]])


def accompaniment(*, beats_a_bar: int, bars: int, pickup: int = 0, stressed: bool = True) -> Performance:
    """Play a chord on each beat, another harmony in each bar, and a loud bass on each downbeat."""
    beat = np.arange(beats_a_bar * bars)
    bar = (beat - pickup) // beats_a_bar
    chord = 60 + CHORDS[bar % 4]
    is_downbeat = (beat - pickup) % beats_a_bar == 0
    bass = 36 + CHORDS[bar % 4, 0]
    pitch = np.concatenate([chord.ravel(), bass[is_downbeat]])
    onset_s = np.concatenate([np.repeat(beat, 3), beat[is_downbeat]]) * BEAT_S
    loud = np.concatenate([np.full(3 * len(beat), 60), np.full(is_downbeat.sum(), 85)])
    return Performance.from_arrays(
        pitch if stressed else np.tile([60, 64, 67], len(beat)),
        onset_s=onset_s if stressed else np.repeat(beat, 3) * BEAT_S,
        offset_s=(onset_s if stressed else np.repeat(beat, 3) * BEAT_S) + 0.4,
        onset_quarters=(onset_s if stressed else np.repeat(beat, 3) * BEAT_S) * 2,
        offset_quarters=(onset_s if stressed else np.repeat(beat, 3) * BEAT_S) * 2 + 0.8,
        velocity=loud if stressed else 60,
    )


@pytest.mark.parametrize("beats_a_bar", [2, 3, 4])
@pytest.mark.parametrize("pickup", [0, 1])
def test_bass_and_harmony_tell_the_metre(beats_a_bar: int, pickup: int) -> None:
    piece = accompaniment(beats_a_bar=beats_a_bar, bars=12, pickup=pickup)

    found = find_downbeats(group_onsets(piece), np.arange(12 * beats_a_bar) * BEAT_S)

    assert found is not None
    expected = (np.arange(12 * beats_a_bar) - pickup) % beats_a_bar == 0
    np.testing.assert_array_equal(found, expected)


def test_harmony_alone_tells_the_metre() -> None:
    piece = accompaniment(beats_a_bar=3, bars=12)
    piece = piece.where(piece.pitch >= 60)

    found = find_downbeats(group_onsets(piece), np.arange(36) * BEAT_S)

    assert found is not None
    np.testing.assert_array_equal(found[3:], (np.arange(36) % 3 == 0)[3:])


def test_equal_chords_leave_it_open() -> None:
    piece = accompaniment(beats_a_bar=4, bars=12, stressed=False)

    assert find_downbeats(group_onsets(piece), np.arange(48) * BEAT_S) is None


def test_seven_beats_are_too_few() -> None:
    piece = accompaniment(beats_a_bar=4, bars=2)

    assert find_downbeats(group_onsets(piece), np.arange(7) * BEAT_S) is None
