"""Forms are told by sections that return, whatever their lengths; other pieces do not have them."""

from pathlib import Path

import numpy as np
import pytest

from musicgen.music.midi import read_midi
from musicgen.music.notes import Performance
from musicgen.music.theory.form import FRAMES, check_form, form_frames, has_form


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
    asked = ("ABA", "AAB", "ABB", "ABAB", "AABA") if frames is not None else ()
    return {form for form in asked if has_form(frames, form)}


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


def put_together(*parts: tuple[Performance, float, float]) -> Performance:
    """Play the first quarters of pieces one after the other, each stretched in time."""
    pitch, onset, offset, start = [], [], [], 0.0
    for performance, quarters, stretch in parts:
        part = performance.between_quarters(0, quarters)
        pitch.append(part.pitch)
        onset.append(start + part.onset_quarters * stretch)
        offset.append(start + np.minimum(part.offset_quarters, quarters + 1) * stretch)
        start += quarters * stretch
    begin, end = np.concatenate(onset), np.concatenate(offset)
    return Performance.from_arrays(
        np.concatenate(pitch),
        onset_s=begin / 2,
        offset_s=end / 2,
        onset_quarters=begin,
        offset_quarters=end,
    )


@pytest.mark.gate
def test_real_passages_put_together_have_the_form_they_were_given(giantmidi_root: Path) -> None:
    random = np.random.default_rng(0)
    files = sorted(giantmidi_root.glob("*.mid"))
    found, mistaken, asked = 0, 0, 100
    for _ in range(asked):
        first, second, third = (read_midi(files[i]) for i in random.choice(len(files), 3, replace=False))
        long, short = (float(quarters) for quarters in random.integers(40, 120, 2))
        stretch = float(random.uniform(0.85, 1.15))
        aba = put_together((first, long, 1.0), (second, short, 1.0), (first, long, stretch))
        abc = put_together((first, long, 1.0), (second, short, 1.0), (third, long, 1.0))
        found += "ABA" in forms_of(aba)
        mistaken += "ABA" in forms_of(abc)
    print(f"ABA found in {found} of {asked}; ABC taken for it in {mistaken}")
    assert found > 90
    assert mistaken < 15
