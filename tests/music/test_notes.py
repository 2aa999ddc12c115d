"""A performance is checked and sorted, and its copies lose nothing unseen."""

import dataclasses

import numpy as np
import pytest

from musicgen.music.notes import Performance, ReadCounts


def arrays(**changes) -> dict:
    values = {
        "pitch": np.array([64, 60, 62]),
        "onset_s": np.array([1.0, 1.0, 0.5]),
        "offset_s": np.array([2.0, 3.0, 0.75]),
        "onset_quarters": np.array([2.0, 2.0, 1.0]),
        "offset_quarters": np.array([4.0, 6.0, 1.5]),
    }
    return values | changes


def test_notes_are_sorted_by_onset_then_pitch() -> None:
    piece = Performance.from_arrays(**arrays(velocity=np.array([1, 2, 3])))
    assert piece.pitch.tolist() == [62, 60, 64]
    assert piece.velocity.tolist() == [3, 2, 1]
    assert piece.onset_quarters.tolist() == [1, 2, 2]
    assert (len(piece), piece.duration_s, piece.duration_quarters) == (3, 3.0, 6.0)
    kinds = {field.name: getattr(piece, field.name).dtype for field in dataclasses.fields(piece)[:6]}
    assert (kinds.pop("pitch"), kinds.pop("velocity")) == (np.int16, np.uint8)
    assert set(kinds.values()) == {np.dtype(np.float64)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pitch": np.array([64, 60, 20])}, "pitch runs from 20 to 64; 21..108"),
        ({"pitch": np.array([64, 60, 62.5])}, r"pitch holds 62\.5; whole numbers"),
        ({"pitch": np.array([[64, 60, 62]])}, "one axis"),
        ({"velocity": 0}, "velocity runs from 0"),
        ({"velocity": np.array([1, 2])}, "velocity has shape"),
        ({"onset_s": np.array([1.0])}, "onset_s has shape"),
        ({"onset_s": np.array([-1.0, 1, 0.5])}, "negative"),
        ({"offset_quarters": np.array([np.nan, 6, 1.5])}, "not finite"),
        ({"offset_s": np.array([1.0, 3, 0.75])}, "offset_s is not after"),
    ],
)
def test_what_is_not_a_note_is_refused(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Performance.from_arrays(**arrays(**changes))


def test_transposing_drops_and_counts_what_leaves_the_keyboard() -> None:
    piece = Performance.from_arrays(**arrays(), counts=ReadCounts(drum_notes=5))
    up = piece.transposed(45)
    assert up.pitch.tolist() == [107, 105]
    assert up.counts == ReadCounts(out_of_range_notes=1, drum_notes=5)
    assert piece.transposed(-39).pitch.tolist() == [23, 21, 25]
    assert len(piece.transposed(200)) == 0


def test_a_part_keeps_the_notes_that_begin_in_it_at_their_times() -> None:
    part = Performance.from_arrays(**arrays()).between_quarters(1.0, 2.0)
    assert (part.pitch.tolist(), part.onset_quarters.tolist()) == ([62], [1.0])


def test_no_notes_are_allowed() -> None:
    nothing = np.zeros(0)
    piece = Performance.from_arrays(
        np.zeros(0, int), onset_s=nothing, offset_s=nothing, onset_quarters=nothing, offset_quarters=nothing
    )
    assert (len(piece), piece.duration_s, piece.duration_quarters) == (0, 0.0, 0.0)
