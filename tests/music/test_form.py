"""Forms are told by sections that return, whatever their lengths; other pieces do not have them."""

import numpy as np
import pytest

from musicgen.music.form import FRAMES, check_form, form_frames, has_form
from musicgen.music.notes import Performance


def section(seed: int, quarters: int) -> list[tuple[float, int]]:
    """Give onsets and pitches of a section: a chord of its own for every two quarters."""
    random = np.random.default_rng(seed)
    chords = random.choice(12, size=(6, 3))
    return [
        (quarter + part / 3, 48 + int(chords[quarter * 6 // quarters % 6][part]))
        for quarter in range(quarters)
        for part in range(3)
    ]


def piece(*sections: tuple[int, int]) -> Performance:
    rows, start = [], 0.0
    for seed, quarters in sections:
        rows += [(start + onset, pitch) for onset, pitch in section(seed, quarters)]
        start += quarters
    onset, pitch = np.array(rows).T
    return Performance.from_arrays(
        pitch,
        onset_s=onset / 2,
        offset_s=onset / 2 + 0.2,
        onset_quarters=onset,
        offset_quarters=onset + 0.4,
    )


def forms_of(performance: Performance) -> set[str]:
    frames = form_frames(performance)
    assert frames is not None
    return {form for form in ("ABA", "AAB", "ABB", "ABAB", "AABA") if has_form(frames, form)}


def test_a_section_that_returns_after_another_is_a_three_part_form() -> None:
    assert "ABA" in forms_of(piece((1, 48), (2, 48), (1, 48)))


def test_a_return_at_another_tempo_and_after_a_shorter_middle_counts() -> None:
    assert "ABA" in forms_of(piece((1, 60), (2, 36), (1, 48)))


def test_three_different_sections_are_none() -> None:
    assert forms_of(piece((1, 48), (2, 48), (3, 48))) == set()


def test_forms_are_told_from_each_other() -> None:
    assert "AAB" in forms_of(piece((1, 48), (1, 48), (2, 48)))
    assert "ABA" not in forms_of(piece((1, 48), (1, 48), (2, 48)))
    assert "ABAB" in forms_of(piece((1, 36), (2, 36), (1, 36), (2, 36)))


def test_short_pieces_and_silence_have_no_frames() -> None:
    assert form_frames(piece((1, 12), (2, 12), (1, 12))) is None
    assert form_frames(piece((1, 48)).between_quarters(90, 99)) is None


def test_frames_are_parts_of_equal_length_less_the_average() -> None:
    frames = form_frames(piece((1, 64), (2, 64)))
    assert frames is not None
    assert frames.shape == (FRAMES, 12)
    assert np.abs(frames.mean(axis=0)).max() < 1e-9


@pytest.mark.parametrize("form", ["", "AB", "AAA", "ABC", "BAB", "ACA", "ABABAB", "A-B"])
def test_what_is_no_form_is_refused(form: str) -> None:
    with pytest.raises(ValueError, match="form="):
        check_form(form)


def test_small_letters_are_letters() -> None:
    assert check_form("aba") == "ABA"
