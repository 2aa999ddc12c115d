"""Scores: bars are full, what was on the beat is written as it was, hands and voices part, names fit."""

import sys
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as Xml

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musicgen.music.notation.divisions import UNITS_PER_QUARTER
from musicgen.music.notation.engrave import engrave
from musicgen.music.notation.hands import right_hand
from musicgen.music.notation.musicxml import to_musicxml, write_musicxml
from musicgen.music.notation.quantise import is_on_the_beats, quantise
from musicgen.music.notation.raster import _SIGNS, rasterise
from musicgen.music.notation.score import make_score
from musicgen.music.notation.voices import two_voices
from musicgen.music.notes import Performance
from musicgen.music.theory.spelling import signature_of, spell_pitch

UNITS_PER_BAR = 4 * UNITS_PER_QUARTER


def piece(notes: Sequence[tuple[float, float, int]]) -> Performance:
    """Make a performance of onset and length in quarters and pitch."""
    onset, length, pitch = (np.array(column, dtype=np.float64) for column in zip(*notes, strict=True))
    return Performance.from_arrays(
        pitch,
        onset_s=onset / 2,
        offset_s=(onset + length) / 2,
        onset_quarters=onset,
        offset_quarters=onset + length,
    )


def chorale() -> Performance:
    """Give two bars of four voices in C major, an alto that moves, and a triplet in the soprano."""
    soprano = [
        (0, 1, 72),
        (1, 1, 71),
        (2, 1 / 3, 72),
        (2 + 1 / 3, 1 / 3, 74),
        (2 + 2 / 3, 1 / 3, 76),
        (3, 1, 74),
    ]
    alto = [(0, 1, 67), (1, 0.5, 67), (1.5, 0.5, 65), (2, 1, 64), (3, 1, 67)]
    low = [(0, 1, 64), (0, 1, 48), (1, 1, 62), (1, 1, 55), (2, 1, 60), (2, 1, 48), (3, 1, 59), (3, 1, 55)]
    return piece([*soprano, *alto, *low, (4, 4, 48), (4, 4, 60), (4, 4, 64), (4, 4, 72)])


def written_notes(text: str) -> set[tuple[float, int]]:
    """Read onset in quarters and pitch of every note that is struck, by music21."""
    from music21 import converter

    score = converter.parseData(text, format="musicxml")
    found = set()
    for note in score.flatten().notes:
        if "ChordSymbol" in note.classes:
            continue
        for one in note.notes if note.isChord else [note]:
            if one.tie is None or one.tie.type == "start":
                found.add((round(float(note.offset), 3), one.pitch.midi))
    return found


@st.composite
def performances(draw: st.DrawFn) -> Performance:
    note = st.tuples(
        st.integers(0, 400).map(lambda tick: tick / 32),
        st.integers(1, 120).map(lambda ticks: ticks / 32),
        st.integers(21, 108),
    )
    return piece(draw(st.lists(note, min_size=1, max_size=30)))


@settings(max_examples=40)
@given(performances())
def test_every_voice_fills_its_bars_whatever_was_played(performance: Performance) -> None:
    for bar in make_score(performance, chord_names=False).bars:
        for voice in (voice for staff in bar.staves for voice in staff if voice):
            assert sum(symbol.units for symbol in voice) == UNITS_PER_BAR
            assert [symbol.start for symbol in voice] == np.cumsum(
                [0, *(s.units for s in voice[:-1])]
            ).tolist()


@settings(max_examples=40)
@given(performances())
def test_no_pitch_that_was_played_is_missing_from_the_page(performance: Performance) -> None:
    written = {
        pitch
        for bar in make_score(performance, chord_names=False).bars
        for staff in bar.staves
        for voice in staff
        for symbol in voice
        for pitch in symbol.pitches
    }
    assert written == set(performance.pitch.tolist())


def test_notes_on_the_beat_are_read_back_where_they_were() -> None:
    performance = chorale()
    expected = {
        (round(float(onset), 3), int(pitch))
        for onset, pitch in zip(performance.onset_quarters, performance.pitch, strict=True)
    }
    assert written_notes(to_musicxml(make_score(performance))) == expected


def test_a_piece_played_freely_has_no_symbol_shorter_than_a_sixteenth() -> None:
    random = np.random.default_rng(1)
    onset = np.sort(random.uniform(0, 24, 120))
    free = piece([(time, 0.4, int(random.integers(40, 80))) for time in onset])
    assert not is_on_the_beats(free)
    units = [
        s.units for bar in make_score(free).bars for staff in bar.staves for voice in staff for s in voice
    ]
    assert min(units) >= UNITS_PER_QUARTER // 4


def test_a_rolled_chord_is_one_chord_and_a_turn_is_not() -> None:
    rolled = piece([(0, 1, 60), (0.03, 1, 64), (1, 1, 67), (2, 1, 60), (3, 1, 64)])
    assert quantise(rolled).onset.tolist()[:2] == [0, 0]
    turn = [(0, 0.125, 60), (0.125, 0.125, 62), (0.25, 0.125, 64), (0.375, 0.625, 62)]
    turn_and_steps = piece([*turn, *((float(i), 1, 60) for i in range(1, 8))])
    assert (quantise(turn_and_steps).onset[:5] * 8 / UNITS_PER_QUARTER).tolist() == [0, 1, 2, 3, 8]


def test_the_border_of_the_hands_lies_in_the_gap_and_moves_little() -> None:
    pitch = np.array([40, 47, 72, 76, 43, 50, 60, 64, 40, 72])
    quarter = np.array([0, 0, 0, 0, 1, 1, 1, 1, 2, 2])
    assert right_hand(pitch, quarter).tolist() == [p >= 60 for p in pitch]
    assert right_hand(np.zeros(0, int), np.zeros(0, int)).tolist() == []


def test_a_held_note_and_a_moving_one_are_two_voices_and_a_chord_is_one() -> None:
    quarter = UNITS_PER_QUARTER
    upper, lower = two_voices([(0, 2 * quarter, 72), (0, quarter, 60), (quarter, 2 * quarter, 62)])
    assert [chord.pitches for chord in upper] == [(72,)]
    assert [chord.pitches for chord in lower] == [(60,), (62,)]
    upper, lower = two_voices([(0, quarter, 60), (0, quarter, 64), (quarter, 2 * quarter, 62)])
    assert [chord.pitches for chord in upper] == [(60, 64), (62,)]
    assert not lower


def test_a_short_rest_is_filled_and_a_long_one_is_not() -> None:
    quarter = UNITS_PER_QUARTER
    upper, _ = two_voices([(0, quarter - 6, 60), (quarter, 2 * quarter, 60), (4 * quarter, 5 * quarter, 60)])
    assert [(chord.start, chord.end) for chord in upper][:2] == [(0, quarter), (quarter, 2 * quarter)]


@pytest.mark.parametrize(
    ("pitch", "tonic", "name"),
    [(61, "A", ("C", 1, 4)), (61, "Ab", ("D", -1, 4)), (59, "F#", ("B", 0, 3)), (60, "C#", ("B", 1, 3))],
)
def test_notes_are_spelled_in_their_key(pitch: int, tonic: str, name: tuple[str, int, int]) -> None:
    spelled = spell_pitch(pitch, tonic)
    assert (spelled.letter, spelled.alteration, spelled.octave) == name


def test_signatures() -> None:
    names = [("C", False), ("A", True), ("Eb", False), ("C#", True), ("F#", False), ("Eb", True)]
    assert [signature_of(name, minor=minor) for name, minor in names] == [0, 0, -3, 4, 6, -6]


def test_a_sign_stands_where_it_is_needed_and_only_there() -> None:
    scale = [(i, 1, p) for i, p in enumerate([60, 64, 67, 66, 66, 65, 66, 67, 60, 64, 67, 72])]
    root = Xml.fromstring(to_musicxml(make_score(piece(scale), chord_names=False)).split("\n", 2)[2])
    assert root.findtext(".//fifths") == "0"
    signs = [
        (measure.get("number"), note.findtext("accidental"))
        for measure in root.iter("measure")
        for note in measure.iter("note")
        if note.find("accidental") is not None
    ]
    assert signs == [("1", "sharp"), ("2", "sharp"), ("2", "natural"), ("2", "sharp")]


def test_chord_names_stand_above_and_can_be_left_out(tmp_path: Path) -> None:
    write_musicxml(chorale(), tmp_path / "named.musicxml", tempo_bpm=96.0, title="Two bars")
    named = (tmp_path / "named.musicxml").read_text(encoding="utf-8")
    assert "<root-step>C</root-step>" in named
    assert "<per-minute>96</per-minute>" in named
    assert "<work-title>Two bars</work-title>" in named
    write_musicxml(chorale(), tmp_path / "plain.musicxml", chord_names=False)
    assert "<harmony" not in (tmp_path / "plain.musicxml").read_text(encoding="utf-8")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["named.musicxml", "plain.musicxml"]


def test_a_tempo_that_is_none_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="tempo_bpm=0"):
        write_musicxml(chorale(), tmp_path / "a.musicxml", tempo_bpm=0.0)
    assert not list(tmp_path.iterdir())


def test_silence_is_one_empty_bar() -> None:
    silence = chorale().between_quarters(50.0, 60.0)
    score = make_score(silence)
    assert len(score.bars) == 1
    assert score.bars[0].staves == (([], []), ([], []))
    assert 'measure="yes"' in to_musicxml(score)


def test_the_engraved_page_has_both_staves_all_bars_and_the_chord_names() -> None:
    svg = engrave(chorale(), title="Two bars")
    root = Xml.fromstring(svg)
    classes = [element.get("class", "").split() for element in root.iter()]
    assert sum("measure" in names for names in classes) == 2
    assert sum("staff" in names for names in classes) == 4
    assert sum("harm" in names for names in classes) >= 2
    assert "Two bars" in svg
    assert "http" not in svg.replace("http://www.w3.org", "")


def test_only_the_beginning_can_be_written() -> None:
    assert len(make_score(chorale(), max_quarters=4).bars) == 1


def test_the_page_in_pixels_has_ink_on_every_staff_and_no_sign_that_its_font_lacks() -> None:
    pytest.importorskip("resvg_py")
    svg = engrave(chorale())

    small, large = (rasterise(svg, width=width) for width in (400, 800))

    assert small.shape[1:] == (400, 3)
    assert large.shape[0] == pytest.approx(2 * small.shape[0], abs=2)
    is_line = ((large < 240).all(axis=2).mean(axis=1) > 0.25).astype(int)  # the staves take a third
    assert (np.diff(is_line) == 1).sum() == 10  # two staves of five lines
    unknown = [sign for sign in svg.translate(_SIGNS) if "\ue000" <= sign <= "\uf8ff"]
    assert not unknown


def test_without_resvg_the_page_in_pixels_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(ValueError, match=r"musicgen-lab\[scores\]"):
        rasterise(engrave(chorale()))
