"""Pictures show the notes where they are, and errors in colours of their own."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from musicgen.music.render import piano_roll as draw
from musicgen.music.render.piano_roll import comparison_image, draw_roll, roll_image, sounding_range


def slices(quarters: int = 4, pitch: int = 60) -> np.ndarray:
    cells = np.zeros((quarters, 88, 32), bool)
    cells[:, pitch - 21, 4:28] = True
    return cells


def share(image: np.ndarray, colour: tuple[int, int, int]) -> float:
    """Give the share of pixels that have about a colour."""
    return float((np.abs(image.astype(int) - colour).max(axis=2) < 40).mean())


def test_a_picture_is_the_same_each_time_light_and_not_empty() -> None:
    image = roll_image(slices())
    assert image.dtype == np.uint8
    assert image.shape[2] == 3
    assert share(image, (255, 255, 255)) > 0.8
    assert share(image, draw._HELD) > 0.005
    assert share(image, draw._ONSET) > 0.0005
    np.testing.assert_array_equal(image, roll_image(slices()))


def test_a_long_piece_is_broken_into_systems_and_cut() -> None:
    one, four = roll_image(slices(32)), roll_image(slices(128))
    assert four.shape[1] == one.shape[1]
    assert four.shape[0] > 3 * one.shape[0]
    assert roll_image(slices(500)).shape == four.shape


def test_a_continuation_shows_what_is_new_and_where_it_begins() -> None:
    prompt, new = slices(700, pitch=40), slices(87, pitch=90)
    image = roll_image(np.concatenate([prompt, new]), seam_quarter=700)
    assert image.shape == roll_image(slices(128)).shape
    orange = (np.abs(image.astype(int) - (0xD5, 0x5E, 0x00)).max(axis=2) < 40).sum(axis=0)
    assert (orange > 100).sum() >= 1  # the seam is one upright line
    assert draw._first_shown(787, max_quarters=128, seam_quarter=700) <= 700
    assert draw._first_shown(787, max_quarters=128, seam_quarter=700) + 128 >= 785
    assert draw._first_shown(787, max_quarters=128, seam_quarter=600) == 584
    assert draw._first_shown(787, max_quarters=128, seam_quarter=None) == 0
    assert draw._first_shown(100, max_quarters=128, seam_quarter=50) == 0


def test_quarters_are_counted_from_the_number_of_the_first() -> None:
    piece = slices(40)
    plain = roll_image(piece, seam_quarter=32)
    moved = roll_image(piece, seam_quarter=39, first_quarter=7)
    orange = [(np.abs(one.astype(int) - (0xD5, 0x5E, 0x00)).max(axis=2) < 40) for one in (plain, moved)]
    assert orange[0].any()  # where a line begins, too
    places = [np.argwhere(one).mean(axis=0) for one in orange]
    np.testing.assert_allclose(places[0], places[1], atol=8)  # the labels below are wider
    assert (plain != moved).any()


def test_a_note_held_into_the_next_system_is_no_onset_there() -> None:
    held = np.zeros((64, 88, 32), bool)
    held[:, 39] = True
    struck = held.copy()
    struck[31, 39, 31] = False
    assert share(roll_image(struck), draw._ONSET) > share(roll_image(held), draw._ONSET)


@pytest.mark.parametrize("quarters", [0, 1, 33])
def test_silence_and_odd_lengths_can_be_drawn(quarters: int) -> None:
    assert roll_image(np.zeros((quarters, 88, 32), bool)).std() > 0
    comparison_image(np.zeros((quarters, 88, 32), bool), np.zeros((quarters, 88, 32), np.float32))


def test_a_comparison_colours_what_is_missed_and_what_is_invented() -> None:
    original = slices()
    same = comparison_image(original, original.astype(np.float32))
    missed = comparison_image(original, np.zeros(original.shape))
    invented = comparison_image(np.zeros_like(original), original.astype(np.float32))
    assert share(missed, draw._MISSED) > 2 * share(same, draw._MISSED)
    assert share(invented, draw._INVENTED) > 2 * share(same, draw._INVENTED)
    assert share(same, draw._RIGHT) > 2 * share(missed, draw._RIGHT)


def test_a_comparison_of_different_shapes_is_refused() -> None:
    with pytest.raises(ValueError, match="give as many"):
        comparison_image(slices(4), np.zeros((5, 88, 32)))


@pytest.mark.parametrize(
    ("pitches", "expected"), [([], (48, 83)), ([21], (21, 83)), ([60, 108], (48, 108)), ([85], (48, 95))]
)
def test_the_pitch_axis_shows_whole_octaves_of_what_sounds(
    pitches: list[int], expected: tuple[int, int]
) -> None:
    roll = np.zeros((88, 32), bool)
    roll[[pitch - 21 for pitch in pitches], 3] = True
    assert sounding_range(roll) == expected


def test_the_axes_name_octaves_and_bars() -> None:
    ax = Figure().add_subplot()
    draw_roll(np.zeros((88, 32 * 16)), ax, title="Nocturne")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["C3", "C4", "C5"]
    assert ax.get_xticks().tolist() == [0, 4, 8, 12, 16]
    assert ax.get_title(loc="left") == "Nocturne"
