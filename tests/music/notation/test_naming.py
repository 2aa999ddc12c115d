"""Spelling on the staff: one name for a tie, no two names on one line, signs where they are needed."""

from collections import defaultdict
from dataclasses import replace
from xml.etree import ElementTree as Xml

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from musicgen.music.notation.divisions import UNITS_PER_QUARTER
from musicgen.music.notation.metre import Metre
from musicgen.music.notation.musicxml import to_musicxml
from musicgen.music.notation.naming import LocalHarmony, name_voices, signs_of_bar
from musicgen.music.notation.score import make_score
from musicgen.music.notation.symbols import symbols_of_bar
from musicgen.music.notation.voices import WrittenChord
from musicgen.music.notes import Performance
from musicgen.music.theory.spelling import NATURAL_CLASSES, spell_chord, spell_pitch

MAJOR = (0, 2, 4, 5, 7, 9, 11, 12)
IN_C = LocalHarmony(tonic_name="C", is_minor=False, tones={})


def change_of_key(first: int, second: int, held: int, bars: int = 3) -> Performance:
    """Play scales over chords in two keys, and one note over the bar line between them."""
    notes = []
    for bar in range(2 * bars):
        tonic = first if bar < bars else second
        notes += [(bar * 4 + step / 2, 0.5, 60 + tonic + MAJOR[step]) for step in range(8)]
        notes += [(bar * 4 + at, 2, low + tonic) for at, low in ((0, 36), (0, 43), (2, 41), (2, 40))]
    notes.append((bars * 4 - 1, 2, held))
    onset, length, pitch = (np.array(column, dtype=np.float64) for column in zip(*notes, strict=True))
    return Performance.from_arrays(
        pitch,
        onset_s=onset / 2,
        offset_s=(onset + length) / 2,
        onset_quarters=onset,
        offset_quarters=onset + length,
    )


@pytest.mark.parametrize(("first", "second", "held"), [(-6, -3, 84), (-6, -5, 87), (-6, -5, 89)])
def test_a_note_held_over_a_change_of_key_has_one_name(first: int, second: int, held: int) -> None:
    text = to_musicxml(make_score(change_of_key(first, second, held)))
    tied = [
        tuple(element.text for element in note.find("pitch") or ())
        for note in Xml.fromstring(text.split("\n", 2)[2]).iter("note")
        if note.find("tie") is not None
    ]
    assert len(tied) >= 2
    assert len(set(tied)) == 1


@pytest.mark.parametrize(
    ("pitches", "tonic", "names"),
    [
        ((63, 64), "C", "D1 E0"),
        ((60, 63, 64, 67), "A", "C0 D1 E0 G0"),
        ((66, 67), "Eb", "F1 G0"),
        ((60, 61, 62), "C", "B1 C1 D0"),
        ((60, 64, 67), "C", "C0 E0 G0"),
        ((67, 68, 69), "C", "G0 A-1 B-2"),
    ],
)
def test_notes_of_a_chord_have_lines_of_their_own(pitches: tuple[int, ...], tonic: str, names: str) -> None:
    found = spell_chord(pitches, tonic)
    assert " ".join(f"{name.letter}{name.alteration}" for name in found) == names


TONICS = st.sampled_from(["C", "G", "D", "A", "E", "B", "F#", "F", "Bb", "Eb", "Ab", "Db"])


@given(st.sets(st.integers(48, 72), min_size=1, max_size=5), TONICS)
def test_chords_are_spelled_upwards_and_as_they_sound(pitches: set[int], tonic: str) -> None:
    in_order = sorted(pitches)
    assume(all(high - low > 3 for low, high in zip(in_order, in_order[3:], strict=False)))
    names = spell_chord(in_order, tonic)
    lines = [name.line for name in names]
    assert lines == sorted(set(lines))
    for pitch, name in zip(in_order, names, strict=True):
        assert 12 * (name.octave + 1) + NATURAL_CLASSES[name.letter] + name.alteration == pitch
    alone = spell_chord([min(pitches)], tonic)
    assert alone == (spell_pitch(min(pitches), tonic),)


def test_voices_that_begin_together_are_spelled_as_one_chord() -> None:
    lower, upper = WrittenChord(0, 400, (63,)), WrittenChord(0, 200, (64,))
    named = name_voices(([upper], [lower]), harmony_at=lambda unit: IN_C)
    assert [voice[0].names[0].letter for voice in named] == ["E", "D"]


def test_a_note_that_sounds_on_keeps_its_name_and_the_other_voice_goes_round_it() -> None:
    held, struck = WrittenChord(0, 400, (63,)), WrittenChord(100, 200, (64,))
    upper, lower = name_voices(([struck], [held]), harmony_at=lambda unit: IN_C)
    assert [voice[0].names[0].letter for voice in (upper, lower)] == ["F", "E"]


def test_a_pitch_that_sounds_on_keeps_its_name_in_the_other_voice() -> None:
    held, struck = WrittenChord(0, 400, (61,)), WrittenChord(100, 200, (61, 65))
    upper, lower = name_voices(
        ([struck], [held]), harmony_at=lambda unit: replace(IN_C, tonic_name="Ab" if unit else "A")
    )
    assert lower[0].names[0] == upper[0].names[0]
    assert lower[0].names[0].letter == "C"


def test_two_names_on_one_line_both_have_their_sign() -> None:
    (bar,) = Metre().bars(1)
    flat, natural = spell_pitch(63, "C"), spell_pitch(64, "C")
    voices = [
        symbols_of_bar([WrittenChord(0, bar.end, (pitch,), (name,))], bar=bar, division=[1] * 4)
        for pitch, name in ((63, flat), (64, natural))
    ]
    signs = signs_of_bar(voices, fifths=0)
    assert sorted(signs.values()) == [-1, 0]


@pytest.mark.parametrize(
    ("tones", "after", "name"),
    [({}, 70, ("A", -1)), ({}, 69, ("G", 1)), ({8: "G#"}, 60, ("G", 1)), ({8: "Ab"}, 69, ("G", 1))],
)
def test_a_foreign_note_leads_upwards_else_is_its_chords_else_the_keys(
    tones: dict[int, str], after: int, name: tuple[str, int]
) -> None:
    moving = [WrittenChord(0, 100, (68,)), WrittenChord(100, 200, (after,))]
    upper, _ = name_voices((moving, []), harmony_at=lambda unit: replace(IN_C, tones=tones))
    assert (upper[0].names[0].letter, upper[0].names[0].alteration) == name


@pytest.mark.parametrize(("after", "tones"), [(69, {}), (60, {8: "G#"})])
def test_a_note_of_the_scale_keeps_its_name(after: int, tones: dict[int, str]) -> None:
    moving = [WrittenChord(0, 100, (68,)), WrittenChord(100, 200, (after,))]
    in_minor = replace(IN_C, is_minor=True, tones=tones)
    upper, _ = name_voices((moving, []), harmony_at=lambda unit: in_minor)
    assert (upper[0].names[0].letter, upper[0].names[0].alteration) == ("A", -1)


@pytest.mark.parametrize(
    ("chord", "goal", "names"),
    [
        ((59, 65, 68), (60, 64, 67), {"B", "F", "Ab"}),  # vii° of C minor, which sounds like E#°
        ((56, 60, 66), (55, 59, 67), {"Ab", "C", "F#"}),  # the Italian sixth, which sounds like Ab7
        ((56, 60, 63, 66), (55, 60, 63, 67), {"Ab", "C", "Eb", "F#"}),  # the German sixth
        ((57, 60, 66), (55, 58, 67), {"A", "C", "F#"}),  # vii° of the dominant
    ],
)
def test_chords_that_sound_like_others_are_spelled_by_where_they_lead(
    chord: tuple[int, ...], goal: tuple[int, ...], names: set[str]
) -> None:
    home, notes = (48, 60, 63, 67), []
    for at, pitches in enumerate([home, home, (55, 59, 62, 67), home, chord, goal, home, home]):
        notes += [(at, 1, pitch) for pitch in pitches]
    onset, length, pitch = (np.array(column, dtype=np.float64) for column in zip(*notes, strict=True))
    score = make_score(
        Performance.from_arrays(
            pitch,
            onset_s=onset / 2,
            offset_s=(onset + length) / 2,
            onset_quarters=onset,
            offset_quarters=onset + length,
        )
    )
    symbols = [symbol for staff in score.bars[1].staves for voice in staff for symbol in voice]
    written = {name for symbol in symbols if symbol.start == 0 for name in symbol.names}
    assert {name.letter + ("#" * name.alteration or "b" * -name.alteration) for name in written} == names


@pytest.mark.parametrize(
    ("title", "at_most"),
    [("bwv227.1", 1), ("bwv269", 1), ("bwv244.54", 1), ("bwv30.6", 1), ("bwv381", 2), ("bwv272", 5)],
)
def test_bach_is_spelled_as_bach_spelled(title: str, at_most: int) -> None:
    """Of 205 chorales .14 % of the notes have another name; BWV 272 is the worst of them."""
    names, performance = source_names(title)
    wrong = total = 0
    for bar in make_score(performance).bars:
        for symbol in (symbol for staff in bar.staves for voice in staff for symbol in voice):
            tick = round(24 * (bar.span.start + symbol.start) / UNITS_PER_QUARTER)
            for pitch, name in zip(symbol.pitches, symbol.names, strict=True):
                written = names.get((tick, pitch), set())
                if not symbol.tied_from and len(written) == 1:
                    total += 1
                    wrong += (name.letter, name.alteration) not in written
    assert total > 0.9 * len(performance)
    assert wrong <= at_most


def source_names(title: str) -> tuple[dict[tuple[int, int], set[tuple[str, int]]], Performance]:
    """Read a chorale by music21: names by tick (24 a quarter) and pitch, and the notes without names."""
    from music21 import corpus

    names, columns = defaultdict(set), []
    for note in corpus.parse(f"bach/{title}").stripTies().flatten().notes:
        for pitch in note.pitches:
            names[round(24 * float(note.offset)), pitch.midi].add((pitch.step, int(pitch.alter)))
            columns.append((float(note.offset), float(note.offset + note.quarterLength), pitch.midi))
    onset, offset, pitch = (np.array(column) for column in zip(*columns, strict=True))
    return names, Performance.from_arrays(
        pitch, onset_s=onset / 2, offset_s=offset / 2, onset_quarters=onset, offset_quarters=offset
    )
