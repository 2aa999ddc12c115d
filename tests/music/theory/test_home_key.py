"""Moves to one key: the nearest, and none that pushes a note off the piano where another octave does not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicgen.music.theory.home_key import fitting, moved, steps_home
from musicgen.music.theory.keys import KEYS, Key


def sounding(*pitches: int) -> np.ndarray:
    packed = np.zeros((2, 88), np.uint32)
    packed[1, list(pitches)] = np.arange(1, len(pitches) + 1)
    return packed


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name)
def test_every_key_goes_to_c_major_or_a_minor_by_the_nearest_way(key: Key):
    steps = steps_home(key)
    assert -6 <= steps <= 5
    assert (key.tonic + steps) % 12 == {"major": 0, "minor": 9}[key.mode]


def test_a_move_takes_each_pitch_with_it_and_loses_what_leaves_the_piano():
    packed = sounding(0, 40, 87)
    assert np.array_equal(moved(packed, 3)[1, [3, 43]], packed[1, [0, 40]])
    assert np.array_equal(moved(packed, -3)[1, [37, 84]], packed[1, [40, 87]])
    assert (moved(packed, 3) != 0).sum() == (moved(packed, -3) != 0).sum() == 2
    assert not moved(packed, 88).any()
    assert not moved(packed, -100).any()


@given(st.integers(-40, 40))
def test_back_is_what_was_there(steps: int):
    packed = sounding(44, 45)
    assert np.array_equal(moved(moved(packed, steps), -steps), packed)


@pytest.mark.parametrize(
    ("pitches", "asked", "expected"),
    [((40,), 5, 5), ((40,), 7, -5), ((2, 40), -5, 7), ((40, 85), 5, -7), ((0, 87), 5, 5), ((), 14, 2)],
)
def test_the_octave_of_a_move_is_the_nearest_with_room(pitches, asked, expected):
    assert fitting(sounding(*pitches), asked) == expected
