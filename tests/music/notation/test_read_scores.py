import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicgen.music.notation.read_scores import ScoreError, _delays, read_score, score_text

HEAD = '<?xml version="1.0" encoding="{encoding}"?>\n<score-partwise version="3.1"><part-list>'
PART = '<score-part id="P1"><part-name>Piano</part-name></score-part></part-list><part id="P1">'
TIME = (
    "<attributes><divisions>4</divisions><key><fifths>0</fifths></key><time><beats>{beats}</beats>"
    "<beat-type>4</beat-type></time><clef><sign>G</sign><line>2</line></clef></attributes>"
)
NOTE = (
    "<note><pitch><step>{step}</step><octave>4</octave></pitch>"
    "<duration>{length}</duration><voice>1</voice><type>{type}</type></note>"
)
TYPES = {1: "16th", 2: "eighth", 4: "quarter", 8: "half", 16: "whole"}


def music_xml(bars: list[list[int]], *, beats: int = 3, encoding: str = "UTF-8") -> str:
    """Write bars of note lengths in sixteenths as MusicXML."""
    text = HEAD.format(encoding=encoding) + PART
    for number, lengths in enumerate(bars):
        notes = "".join(
            NOTE.format(step="CDEFGAB"[n % 7], length=length, type=TYPES[length])
            for n, length in enumerate(lengths)
        )
        attributes = TIME.format(beats=beats) if number == 0 else ""
        text += f'<measure number="{number}">{attributes}{notes}</measure>'
    return text + "</part></score-partwise>"


def write_mxl(path: Path, data: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "META-INF/container.xml", '<container><rootfile full-path="music/s.xml"/></container>'
        )
        archive.writestr("music/s.xml", data)
    return path


def onsets(text: str) -> list[float]:
    performance = read_score(Path("none.xml"), text)
    return np.round(performance.onset_quarters, 2).tolist()


def test_bars_fall_on_quarters_and_notes_on_their_places():
    assert onsets(music_xml([[4, 4, 4], [8, 2, 2]])) == [0, 1, 2, 3, 5, 5.5]


def test_a_pickup_begins_late_enough_for_the_first_bar_to_be_on_the_beat():
    assert onsets(music_xml([[2], [4, 4, 4]])) == [0.5, 1, 2, 3]
    assert onsets(music_xml([[4], [4, 4, 4]])) == [0, 1, 2, 3]


def bar_lines(text: str, stop: float) -> list[float]:
    score = read_score(Path("none.xml"), text).score
    assert score is not None
    return score.bar_lines(stop).tolist()


def test_bar_lines_are_those_of_the_score() -> None:
    full = [4, 4, 4]
    assert bar_lines(music_xml([full, full, full]), 9.0) == [0, 3, 6]
    assert bar_lines(music_xml([[4], full, full]), 7.0) == [0, 1, 4]
    assert bar_lines(music_xml([[2], full, full]), 7.0) == [0, 1, 4]
    assert bar_lines(music_xml([full, [8], [4], full]), 9.0) == [0, 3, 5, 6]


def test_a_metre_that_changes_is_kept() -> None:
    change = "<attributes><time><beats>2</beats><beat-type>4</beat-type></time></attributes>"
    second = '<measure number="1">'
    text = music_xml([[4, 4, 4], [4, 4], [4, 4]]).replace(second, second + change)
    score = read_score(Path("none.xml"), text).score
    assert score is not None
    assert [score.time_signature_at(at) for at in (0.0, 3.0, 5.0)] == [(3, 4), (2, 4), (2, 4)]
    assert score.bar_lines(7.0).tolist() == [0, 3, 5]


def test_lengths_of_notes_are_kept():
    performance = read_score(Path("none.xml"), music_xml([[2], [4, 8], [8, 4]]))
    lengths = performance.offset_quarters - performance.onset_quarters
    assert np.allclose(lengths, [0.5, 1, 2, 2, 1], atol=0.05)


@given(st.lists(st.integers(1, 16), min_size=1, max_size=30))
def test_full_bars_move_onto_beats_and_time_never_runs_backwards(sixteenths: list[int]):
    *bars, end = np.cumsum([0, *sixteenths]) / 4
    bars = np.array(bars)
    delays = _delays(bars, end)
    moved = bars + delays
    assert (delays >= 0).all()
    assert (np.diff(moved) >= np.diff(bars) - 1e-9).all()
    for number in range(1, len(bars)):
        if sixteenths[number] % 4 == 0:
            assert moved[number] % 1 == 0


def test_full_bars_on_beats_stay_where_they_are():
    assert not _delays(np.array([0.0, 1, 4, 7, 10]), 13.0).any()
    assert not _delays(np.array([0.0]), 2.5).any()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_packed_scores_are_read_in_either_encoding(tmp_path: Path, encoding: str):
    data = music_xml([[4, 4, 4]], encoding=encoding.upper()).encode(encoding)
    text = score_text(write_mxl(tmp_path / "a.mxl", data))
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>')
    assert len(read_score(tmp_path / "a.mxl", text)) == 3


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 no archive", b"\xff\xfe\x00"])
def test_what_is_no_archive_is_refused(tmp_path: Path, data: bytes):
    (tmp_path / "a.mxl").write_bytes(data)
    with pytest.raises(ScoreError):
        score_text(tmp_path / "a.mxl")


def test_a_score_that_neither_program_reads_is_refused(tmp_path: Path):
    path = tmp_path / "a.xml"
    path.write_text("<nothing/>")
    with pytest.raises(ScoreError):
        read_score(path, score_text(path))


def test_music21_reads_what_verovio_cannot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "a.xml"
    path.write_text(music_xml([[2], [4, 8], [8, 4]]), encoding="utf-8")
    expected = read_score(path, score_text(path))

    def refuse(text: str) -> None:
        raise ScoreError("not today")

    monkeypatch.setattr("musicgen.music.notation.read_scores._by_verovio", refuse)
    performance = read_score(path, score_text(path))
    assert performance.pitch.tolist() == expected.pitch.tolist()
    assert np.allclose(performance.onset_quarters, expected.onset_quarters, atol=0.02)
    assert np.allclose(performance.offset_quarters, expected.offset_quarters, atol=0.02)
    assert performance.score is not None
    assert expected.score is not None
    assert performance.score.bar_lines(7.0).tolist() == expected.score.bar_lines(7.0).tolist()
