"""Pieces on disk, as rows, as files and as sound: nothing is lost on the way."""

import io
import json
import wave
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as Xml

import mido
import numpy as np
import pytest

from musicgen.music.midi import read_midi
from musicgen.music.midi.writing import midi_bytes
from musicgen.music.notes import Performance
from musicgen.music.render import sound as rendering
from musicgen.music.render.sound import render
from musicgen.music.score_map import ScoreMap
from musicgen.studio.limits import BusyError, Limits, NotThereError, RefusedError
from musicgen.studio.pieces.bring import from_file, from_recording
from musicgen.studio.pieces.downloads import file_of, score_page
from musicgen.studio.pieces.rows import checked_rows, clock_of, common_start, from_rows, rows_of
from musicgen.studio.pieces.shelf import Piece, Session, Shelf, new_id, silence
from musicgen.studio.pieces.sound import passage_sound
from tests.conftest import etude
from tests.music.midi.test_fuzz import broken

LIMITS = Limits(pieces=3)


def a_piece(**known: object) -> Piece:
    return replace(Piece(id=new_id(), name="Étude · A", kind="new", created=1.0, group="g"), **known)  # type: ignore[arg-type]


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Shelf(tmp_path, limits=LIMITS).session("s" * 20)


def performed() -> Performance:
    return read_midi(midi_bytes(etude(3)))


def test_rows_stand_for_the_same_notes():
    performance = performed()
    assert performance.score is not None
    again = from_rows(rows_of(performance), score=performance.score)
    np.testing.assert_allclose(again.onset_s, performance.onset_s)
    np.testing.assert_allclose(again.offset_quarters, performance.offset_quarters)
    assert again.pitch.tolist() == performance.pitch.tolist()


def test_an_edit_may_be_as_fine_as_the_grid_whatever_the_files_ticks():
    score = ScoreMap.constant(ticks_per_quarter=96 // 4)
    [row] = rows_of(from_rows([(60, 1 / 32, 3 / 32, 80)], score=score))
    assert row == (60, 0.03125, 0.09375, 80)


@pytest.mark.parametrize(
    "rows",
    [
        {},
        [[60, 0, 1]],
        [[60, 0, 1, 0]],
        [[20, 0, 1, 80]],
        [[60.5, 0, 1, 80]],
        [[60, -1, 1, 80]],
        [[60, 0, 0, 80]],
        [[60, float("inf"), 1, 80]],
        [["60", 0, 1, 80]],
        [[True, 0, 1, 80]],
        [[60, 0, 1, 80]] * 11,
    ],
)
def test_rows_that_are_no_notes_are_refused(rows: object):
    with pytest.raises(RefusedError):
        checked_rows(rows, limits=Limits(notes=10))


def test_the_clock_follows_the_tempos():
    score = replace(
        ScoreMap.constant(tempo_bpm=60),
        tempo_tick=np.array([0, 480 * 4]),
        tempo_us=np.array([10**6, 500_000]),
    )
    assert clock_of(score, 8.0) == [[0.0, 0.0], [4.0, 4.0], [8.0, 6.0]]


def test_only_what_is_new_is_sent():
    rows = [(60, 0.0, 1.0, 80), (62, 1.0, 1.0, 80)]
    assert common_start(rows, [*rows, (64, 2.0, 1.0, 80)]) == 2
    assert common_start(rows, [rows[0], (62, 1.0, 2.0, 80)]) == 1


def test_a_piece_is_there_again_with_all_that_is_known(session: Session):
    piece = a_piece(settings={"seed": 3}, span=(1.0, 2.0), locked=((60, 1.5),))
    saved = session.save(piece, performed())
    assert saved.notes == 80
    assert saved.key
    assert session.piece(piece.id) == saved
    assert session.pieces() == [saved]
    assert rows_of(session.performance(piece.id)) == rows_of(performed())


def test_the_first_notes_stay_beside_edited_ones(session: Session):
    piece = session.save(a_piece(), performed())
    for keep in (1, 2):
        session.keep_original(piece.id)
        assert session.performance(piece.id).score is not None
        rows = rows_of(session.performance(piece.id))[:-keep]
        session.save(piece, from_rows(rows, score=ScoreMap.constant()))
    assert len(session.performance(piece.id)) == 77
    assert len(session.original(piece.id)) == 80


def test_a_piece_without_notes_is_one_too(session: Session):
    piece = session.save(a_piece(), silence(tempo_bpm=90))
    assert len(session.performance(piece.id)) == 0
    assert (piece.notes, piece.key) == (0, "")


def test_names_that_are_paths_find_nothing(session: Session, tmp_path: Path):
    (tmp_path / "secret.json").write_text("{}")
    for name in ("../../secret", "/etc/passwd", "a" * 15, "..", "a" * 65, "x" * 20):
        with pytest.raises(NotThereError):
            session.piece(name)
    for name in ("..", "../..", "a/b", ""):
        with pytest.raises(NotThereError):
            Shelf(tmp_path, limits=LIMITS).session(name)


def test_a_damaged_piece_is_left_out_and_the_rest_is_there(session: Session):
    good, bad = session.save(a_piece(), performed()), session.save(a_piece(), performed())
    (session.folder / f"{bad.id}.json").write_text("{")
    assert session.pieces() == [good]


def test_a_full_shelf_refuses(session: Session):
    for _ in range(3):
        session.save(a_piece())
    with pytest.raises(BusyError, match="remove some"):
        session.check_room(1)


def test_passages_laid_over_each_other_are_the_piece(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rendering, "find_soundfont", lambda *_: None)
    monkeypatch.setattr("musicgen.studio.pieces.sound.find_soundfont", lambda *_: None)
    performance = performed()
    whole = render(performance, gain=0.3)
    assert 0.01 < np.abs(whole.samples).max() < 1  # not cut off, else nothing adds up
    mix = np.zeros((len(whole.samples) + 20 * whole.rate, 1), np.float32)
    for begin_s in range(0, 9, 2):
        part = passage_sound(performance, begin_s=begin_s, end_s=begin_s + 2)
        mix[begin_s * whole.rate :][: len(part.samples)] += part.samples
    np.testing.assert_allclose(mix[: len(whole.samples)], whole.samples, atol=1e-3)


def test_a_passage_hears_a_pedal_that_went_down_before_it():
    pytest.importorskip("midirenderer")
    down = replace(ScoreMap.constant(tempo_bpm=60), pedal_tick=np.array([0]), pedal=np.array([[64, 127]]))
    short = from_rows([(60, 2.0, 0.1, 90)], score=ScoreMap.constant(tempo_bpm=60))
    held = from_rows([(60, 2.0, 0.1, 90)], score=down)
    dry, wet = (passage_sound(one, begin_s=1.5, end_s=3).samples for one in (short, held))
    assert len(wet) > 1.5 * len(dry)


@pytest.mark.parametrize("kind", ["played.mid", "grid.mid", "score.musicxml", "sound.wav"])
def test_every_file_says_where_it_comes_from(kind: str):
    piece = a_piece(settings={"run": "chopin", "seed": 4711, "temperature": 0.8}, revision=2)
    file = file_of(piece, performed(), kind=kind, version="1.2")
    text = file.content.decode("utf-8", "replace")
    for fact in ("1.2", "chopin", "4711", "0.8", "edited by hand"):
        assert fact in text, fact
    assert file.name.startswith("Étude - A")
    assert "/" not in file.name


def test_files_hold_the_music():
    piece, performance = a_piece(), performed()

    def content(kind: str) -> bytes:
        return file_of(piece, performance, kind=kind, version="1").content

    assert rows_of(read_midi(content("played.mid"))) == rows_of(performance)
    assert len(read_midi(content("grid.mid"))) == 80
    texts = [
        one.text
        for one in mido.MidiFile(file=io.BytesIO(content("grid.mid"))).tracks[0]
        if one.type == "text"
    ]
    assert texts[-1].startswith("on the grid")
    assert len(Xml.fromstring(content("score.musicxml")).findall(".//measure")) == 4
    with wave.open(io.BytesIO(content("sound.wav"))) as file:
        assert file.getnframes() / file.getframerate() == pytest.approx(performance.duration_s, abs=3)
    with pytest.raises(NotThereError, match=r"there are played\.mid"):
        content("sheet.pdf")


def test_the_score_has_the_pages_that_the_piece_has():
    long = from_rows([(60, float(onset), 1.0, 80) for onset in range(60)], score=ScoreMap.constant())
    assert "<svg" in score_page(long, page=0)
    assert "<svg" in score_page(long, page=1)
    with pytest.raises(NotThereError):
        score_page(long, page=2)


def test_broken_files_are_refused_and_nothing_else_happens(midi_folder: Path):
    whole = [path.read_bytes() for path in sorted(midi_folder.glob("*.mid"))]
    refused = 0
    for data in broken(whole, 150, seed=5):
        try:
            from_file(data, limits=Limits())
        except RefusedError:
            refused += 1
    assert 10 < refused < 150


def test_files_above_the_limits_are_refused():
    data = midi_bytes(etude(1))
    for limits, reason in (
        (Limits(upload_bytes=100), "larger than"),
        (Limits(notes=10), "at most 10 are taken"),
        (Limits(piece_quarters=8), "cut it first"),
    ):
        with pytest.raises(RefusedError, match=reason):
            from_file(data, limits=limits)


def test_a_recording_becomes_a_performance_with_its_pedal():
    sent = {"tempo_bpm": 60, "notes": [[64, 0.5, 1.0, 70], [60, 0, 2, 80]], "pedal": [[0.25, 127], [1.5, 0]]}
    performance = from_recording(sent, limits=Limits())
    assert rows_of(performance) == [(60, 0.0, 2.0, 80), (64, 0.5, 0.5, 70)]
    assert performance.score is not None
    assert performance.score.pedal.tolist() == [[64, 127], [64, 0]]
    for wrong in (
        None,
        {"notes": []},
        {"notes": [[60, 1, 0, 80]]},
        {"notes": [[60, 0, 1, 80]], "tempo_bpm": 5},
        {"notes": [[60, 0, 1, 80]], "pedal": [[0, 200]]},
        {"notes": [[60, 0, float("nan"), 80]]},
    ):
        with pytest.raises(RefusedError):
            from_recording(wrong, limits=Limits())


def test_what_is_known_of_a_piece_is_plain_json(session: Session):
    piece = session.save(a_piece(settings={"labels": {"composer": {"Chopin": 1.0}}}), performed())
    assert json.loads((session.folder / f"{piece.id}.json").read_text())["settings"] == piece.settings
