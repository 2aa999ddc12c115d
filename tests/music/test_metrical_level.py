"""The metrical level: eighths that were taken for beats are joined, beats are left alone."""

import numpy as np
import pytest

from musicgen.music.metrical_level import join_parts
from musicgen.music.notes import Performance
from musicgen.music.onsets import group_onsets

PART_S = 0.35
CHORDS = np.array([[0, 4, 7], [5, 9, 0], [7, 11, 2], [9, 0, 4]])


def figured(*, parts: int, notes_a_part: int = 1, beats: int = 24, first: int = 0) -> Performance:
    """Play a chord's notes in turn, and on the first of so many parts a low long note of another harmony."""
    place = np.arange(parts * beats * notes_a_part)
    beat = (place // notes_a_part - first) // parts
    is_first = (place - first * notes_a_part) % (parts * notes_a_part) == 0
    pitch = np.where(is_first, 36, 60) + CHORDS[beat % 4, np.where(is_first, 0, place % 3)]
    onset_s = place * PART_S / notes_a_part
    return Performance.from_arrays(
        pitch,
        onset_s=onset_s,
        offset_s=onset_s + np.where(is_first, PART_S * parts * 0.9, PART_S / notes_a_part * 0.9),
        onset_quarters=onset_s * 2,
        offset_quarters=onset_s * 2 + 0.2,
        velocity=np.where(is_first, 80, 60),
    )


def joined(piece: Performance, times_s: np.ndarray) -> np.ndarray:
    return join_parts(piece, group_onsets(piece), times_s)


@pytest.mark.parametrize("parts", [2, 3])
@pytest.mark.parametrize("first", [0, 1])
def test_undivided_parts_are_joined_where_the_bass_is(parts: int, first: int) -> None:
    times_s = np.arange(24 * parts) * PART_S
    found = joined(figured(parts=parts, first=first), times_s)
    np.testing.assert_allclose(found[1:-1], times_s[first::parts][1 : len(found) - 1])
    assert len(found) in (24, 25)


@pytest.mark.parametrize("parts", [2, 3])
def test_beats_that_are_divided_stay(parts: int) -> None:
    times_s = np.arange(24 * parts) * PART_S
    assert joined(figured(parts=parts, notes_a_part=3), times_s) is times_s


def test_a_bar_of_three_divided_beats_is_no_beat() -> None:
    times_s = np.arange(72) * PART_S
    assert len(joined(figured(parts=3, notes_a_part=2), times_s)) > 24


def test_slow_beats_and_too_few_stay() -> None:
    slow = np.arange(48) * 0.9
    piece = figured(parts=2)
    stretched = Performance.from_arrays(
        piece.pitch,
        onset_s=piece.onset_s * 0.9 / PART_S,
        offset_s=piece.offset_s * 0.9 / PART_S,
        onset_quarters=piece.onset_quarters,
        offset_quarters=piece.offset_quarters,
        velocity=piece.velocity,
    )
    assert joined(stretched, slow) is slow
    few = np.arange(8) * PART_S
    assert joined(piece, few) is few
