"""MusicXML: metre, pickup, tuplets and dynamics are read back as they were meant."""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as Xml

import numpy as np
import pytest

from musicgen.music.notation.dynamics import mark_dynamics
from musicgen.music.notation.engrave import engrave
from musicgen.music.notation.metre import Metre
from musicgen.music.notation.musicxml import to_musicxml, write_musicxml
from musicgen.music.notation.score import make_score
from musicgen.music.notes import Performance
from musicgen.music.score_map import SEAM, ScoreMap


def waltz(velocity: np.ndarray | int = 80) -> Performance:
    """Play a quarter as a pickup, then three bars of three quarters, the last two of them in triplets."""
    onset = np.array([0, 1, 2, 3, 4, 4 + 1 / 3, 4 + 2 / 3, 5, 6, 7, 7 + 1 / 3, 7 + 2 / 3, 8, 9])
    length = np.append(np.diff(onset), 1.0)
    return Performance.from_arrays(
        np.resize([67, 72, 76], len(onset)),
        onset_s=onset / 2,
        offset_s=(onset + length) / 2,
        onset_quarters=onset,
        offset_quarters=onset + length,
        velocity=velocity,
    )


def elements(text: str) -> Xml.Element:
    return Xml.fromstring(text.split("\n", 2)[2])


def test_another_program_reads_metre_pickup_and_every_onset(tmp_path: Path) -> None:
    from music21 import converter

    path = tmp_path / "waltz.musicxml"
    write_musicxml(waltz(), path, metre=Metre(3, 4, pickup_quarters=1.0), chord_names=False)
    part = converter.parse(path).parts[0]
    bars = list(part.getElementsByClass("Measure"))
    assert [bar.number for bar in bars] == [0, 1, 2, 3]
    assert [float(bar.duration.quarterLength) for bar in bars] == [1.0, 3.0, 3.0, 3.0]
    assert bars[0].timeSignature.ratioString == "3/4"
    found = sorted(round(float(note.offset), 3) for note in part.flatten().notes)
    assert found == np.round(waltz().onset_quarters, 3).tolist()


def test_metre_stands_in_the_file_and_the_pickup_is_no_bar() -> None:
    root = elements(to_musicxml(make_score(waltz(), metre=Metre(3, 4, pickup_quarters=1.0))))
    assert (root.findtext(".//beats"), root.findtext(".//beat-type")) == ("3", "4")
    first, second, *_ = root.iter("measure")
    assert (first.get("number"), first.get("implicit")) == ("0", "yes")
    assert (second.get("number"), second.get("implicit")) == ("1", None)


def signed(*signatures: tuple[int, int, int]) -> Performance:
    """Say of the waltz at which ticks of a quarter which metres begin; its tempo is 90."""
    tick, beats, unit = np.array(signatures).T
    score = replace(
        ScoreMap.constant(tempo_bpm=90.0),
        time_signature_tick=tick,
        time_signature=np.stack([beats, unit], axis=1),
    )
    return replace(waltz(), score=score)


def bars_in(text: str) -> list[tuple[str, str | None, str | None]]:
    return [
        (bar.get("number", ""), bar.findtext(".//beats"), bar.findtext(".//beat-type"))
        for bar in elements(text).iter("measure")
    ]


def test_metre_and_tempo_are_those_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "signed.musicxml"
    write_musicxml(signed((0, 3, 4), (480, 3, 4), (480 * 7, 6, 8)), path)
    text = path.read_text()
    assert bars_in(text) == [("0", "3", "4"), ("1", None, None), ("2", None, None), ("3", "6", "8")]
    assert "<per-minute>90</per-minute>" in text


def test_bar_lines_that_no_note_could_respect_are_left_out() -> None:
    nominal = bars_in(to_musicxml(make_score(waltz())))
    assert bars_in(to_musicxml(make_score(signed((0, 3, 4), (77, 3, 4))))) == nominal
    assert bars_in(to_musicxml(make_score(signed((0, 1, 64))))) == nominal
    played = np.sort(np.random.default_rng(0).uniform(0, 30, 14))
    free = replace(signed((0, 3, 4)), onset_quarters=played, offset_quarters=played + 1)
    assert bars_in(to_musicxml(make_score(free)))[0] == ("1", "4", "4")


def test_a_bar_in_two_parts_counts_on_in_the_second() -> None:
    spans = [
        bar.span for bar in make_score(signed((0, 3, 4), (480, 3, 4), (480 * 6, 3, 4), (480 * 7, 3, 4))).bars
    ]
    assert [span.elapsed / 5040 for span in spans] == [2, 0, 0, 2, 0]


def test_dynamics_follow_the_velocities_and_even_music_has_none() -> None:
    loud = np.where(waltz().onset_quarters < 4, 50, 97)
    text = to_musicxml(make_score(waltz(loud), metre=Metre(3, 4, pickup_quarters=1.0)))
    marks = [
        (bar.get("number"), mark[0].tag)
        for bar in elements(text).iter("measure")
        for mark in bar.iter("dynamics")
    ]
    assert marks == [("0", "p"), ("2", "f")]
    assert "<dynamics>" not in to_musicxml(make_score(waltz()))


def test_a_mark_does_not_flicker() -> None:
    between = np.resize([71, 73], len(waltz()))
    assert [mark for mark in mark_dynamics(waltz(between), [0.0, 1.0, 4.0, 7.0]) if mark] in (["mp"], ["mf"])


@pytest.mark.slow
@pytest.mark.gate
def test_every_bar_of_a_long_piece_is_engraved() -> None:
    onset = np.arange(0.0, 2400.0, 0.5)
    piece = Performance.from_arrays(
        np.resize([21, 108, 48, 72], len(onset)),
        onset_s=onset / 2,
        offset_s=onset / 2 + 0.1,
        onset_quarters=onset,
        offset_quarters=onset + 0.5,
    )
    svg = engrave(piece, chord_names=False)
    root = Xml.fromstring(svg)
    assert sum(element.get("class") == "measure" for element in root.iter()) == 600
    inner = [child for child in root if child.tag.endswith("}svg")]
    assert len(inner) > 1
    tops = [float(page.get("y", 0)) for page in inner]
    heights = [float(page.get("height", 0)) for page in inner]
    assert tops == np.cumsum([0, *heights[:-1]]).tolist()
    assert root.get("viewBox", "").split()[3] == f"{sum(heights):.0f}"


@pytest.mark.parametrize(("seam", "bar_lines"), [(8.0, [(2, "dashed")]), (6.0, [])])
def test_a_continuation_is_marked_where_it_begins(seam: float, bar_lines: list[tuple[int, str]]) -> None:
    onset = np.arange(16.0)
    pitch = np.full(16, 60)
    score = ScoreMap.constant().with_marker(SEAM, quarter=seam)
    times = {"onset_s": onset / 2, "offset_s": (onset + 1) / 2}
    notes = Performance.from_arrays(
        pitch, **times, onset_quarters=onset, offset_quarters=onset + 1, score=score
    )
    root = elements(to_musicxml(make_score(notes)))
    measures = root.findall("part/measure")
    words = [one.findtext("direction[@placement='above']/direction-type/words") for one in measures]
    marked = [one.get("number") for one, word in zip(measures, words, strict=True) if word == SEAM]
    assert marked == [str(1 + int(seam // 4))]
    styles = [
        (place, line.findtext("bar-style"))
        for place, one in enumerate(measures, start=1)
        for line in one.findall("barline")
    ]
    assert styles == [*bar_lines, (4, "light-heavy")]
    assert SEAM in engrave(notes)
    assert SEAM not in to_musicxml(make_score(replace(notes, score=None)))
