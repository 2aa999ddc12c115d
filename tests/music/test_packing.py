"""Thirty-two cells in a number: packed, drawn as stretches and found again."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicgen.music.packing import (
    NUM_PITCHES,
    TICKS_PER_QUARTER,
    Stretches,
    draw_stretches,
    find_stretches,
    pack,
    packed_onsets,
    unpack,
)

steps = st.lists(
    st.tuples(st.sampled_from([0, 1, 39, 87]), st.integers(1, 40), st.integers(1, 100)),
    min_size=1,
    max_size=30,
)


def apart(rows: list[tuple[int, int, int]], *, gap: int) -> Stretches:
    """Lay (row, pause, length) one after the other, each `gap` cells or more behind the one before."""
    at, found = 0, []
    for row, pause, length in rows:
        at += pause + gap
        found.append((row, at, at + length - 1))
        at += length
    row, first, last = np.array(sorted(found), np.int64).T
    return Stretches(row, first, last)


def listed(stretches: Stretches) -> list[list[int]]:
    return np.stack([stretches.row, stretches.first, stretches.last], axis=1).tolist()


def test_pack_puts_tick_t_into_bit_t_and_unpack_takes_it_out() -> None:
    slices = np.random.default_rng(0).random((2, 3, NUM_PITCHES, TICKS_PER_QUARTER)) < 0.3
    packed = pack(slices)
    assert packed.dtype == np.uint32
    assert packed.shape == (2, 3, NUM_PITCHES)
    for tick in (0, 7, 31):
        np.testing.assert_array_equal(packed >> tick & 1, slices[..., tick])
    np.testing.assert_array_equal(unpack(packed), slices)


@given(rows=steps)
def test_stretches_come_back_from_their_cells(rows: list[tuple[int, int, int]]) -> None:
    stretches = apart(rows, gap=1)
    packed = draw_stretches(stretches)
    line = unpack(packed).transpose(1, 0, 2).reshape(NUM_PITCHES, -1)
    for row, first, last in listed(stretches):
        assert line[row, first : last + 1].all()
    assert line.sum() == (stretches.last - stretches.first + 1).sum()
    assert len(packed) == stretches.last.max() // TICKS_PER_QUARTER + 1
    assert listed(find_stretches(packed)) == listed(stretches)
    assert listed(find_stretches(packed, onsets=packed_onsets(packed))) == listed(stretches)


def test_an_onset_parts_what_sounds_on() -> None:
    row, first, last = np.array([[5, 3, 40], [6, 0, 0]]).T
    packed = draw_stretches(Stretches(row, first, last))
    onsets = draw_stretches(Stretches(np.array([5, 5]), np.array([3, 33]), np.array([3, 33])))
    assert listed(find_stretches(packed, onsets=onsets)) == [[5, 3, 32], [5, 33, 40], [6, 0, 0]]


@pytest.mark.parametrize(
    ("packed", "onsets"),
    [
        (np.zeros((1, 87), np.uint32), None),
        (np.zeros((1, 88), np.int64), None),
        (np.zeros((1, 88), np.uint32), np.zeros((2, 88), np.uint32)),
        (np.zeros((1, 88), np.uint32), np.zeros((1, 88), bool)),
    ],
)
def test_what_is_not_packed_is_refused(packed: np.ndarray, onsets: np.ndarray | None) -> None:
    with pytest.raises(ValueError, match="packed slices"):
        find_stretches(packed, onsets=onsets)
