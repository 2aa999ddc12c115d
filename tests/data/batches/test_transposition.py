"""Slices in other keys: the same music, moved as a whole, the same way whenever it is asked for."""

import numpy as np
import pytest

from musicgen.data.batches.transposition import Transposition

MIDDLE = 40


def chord(*, at: int, number: int, channels: int = 1) -> np.ndarray:
    """Make `number` slices that hold the same two notes from a pitch row on."""
    packed = np.zeros((number, channels, 88), np.uint32)
    packed[:, 0, at], packed[:, 0, at + 4] = 0xFFFF, 0xFF0000
    if channels == 2:
        packed[:, 1, at], packed[:, 1, at + 4] = 1, 0x10000
    return packed


def lowest(packed: np.ndarray) -> np.ndarray:
    return packed[:, 0].astype(bool).argmax(axis=1)


def test_a_slice_is_moved_as_a_whole_and_its_channels_alike():
    packed = chord(at=MIDDLE, number=300, channels=2)
    moved = Transposition(6)(packed, np.arange(300))
    for one, low in zip(moved, lowest(moved), strict=True):
        np.testing.assert_array_equal(np.roll(one, MIDDLE - low, axis=1), packed[0])


def test_all_shifts_within_the_limit_are_about_equally_likely():
    moved = Transposition(6, seed=3)(chord(at=MIDDLE, number=13_000), np.arange(13_000))
    shifts, counts = np.unique(lowest(moved) - MIDDLE, return_counts=True)
    assert shifts.tolist() == list(range(-6, 7))
    assert counts.min() > 850
    assert counts.max() < 1150


@pytest.mark.parametrize("at", [0, 2, 83])
def test_no_note_falls_off_the_piano(at: int):
    packed = chord(at=at, number=200)
    moved = Transposition(12)(packed, np.arange(200))
    assert (moved.sum(axis=(1, 2), dtype=np.uint64) == packed[0].sum(dtype=np.uint64)).all()


def test_a_shift_follows_from_seed_epoch_and_number_alone():
    packed, numbers = chord(at=MIDDLE, number=64), np.arange(64)
    move = Transposition(6, seed=1)
    move.set_epoch(2)
    whole = move(packed, numbers)
    np.testing.assert_array_equal(move(packed[10:20], numbers[10:20]), whole[10:20])
    move.set_epoch(3)
    assert (move(packed, numbers) != whole).any()
    again = Transposition(6, seed=1)
    again.set_epoch(2)
    np.testing.assert_array_equal(again(packed, numbers), whole)


def test_silence_and_a_width_of_0_change_nothing():
    silence = np.zeros((3, 1, 88), np.uint32)
    np.testing.assert_array_equal(Transposition(6)(silence, np.arange(3)), silence)
    packed = chord(at=MIDDLE, number=3)
    assert Transposition(0)(packed, np.arange(3)) is packed


@pytest.mark.parametrize("semitones", [-1, 88])
def test_a_width_out_of_range_is_refused(semitones: int):
    with pytest.raises(ValueError, match=f"transpose={semitones}"):
        Transposition(semitones)
