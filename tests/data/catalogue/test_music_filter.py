"""Pieces are chosen by mode, key, progression and form; what was found about a piece is found once."""

import contextlib
import sqlite3
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from musicgen.data.catalogue import analysis
from musicgen.data.catalogue.analysis import Analysis, analyses_of
from musicgen.data.catalogue.content_hashes import catalogue_path
from musicgen.data.catalogue.music_filter import MusicFilter
from musicgen.data.catalogue.piece_filter import PieceFilter
from musicgen.data.prepare import prepare
from musicgen.data.sources.folder import Folder
from musicgen.music.grid import ClockGrid
from musicgen.music.midi import write_midi
from musicgen.music.notes import Performance
from musicgen.music.theory.keys import Key

MAJOR = {"I": (0, 4, 7), "V": (7, 11, 14), "vi": (9, 12, 16), "IV": (5, 9, 12)}
MINOR = {"i": (0, 3, 7), "V": (7, 11, 14), "iv": (5, 8, 12), "VI": (8, 12, 15)}


def chords(degrees: list[str], *, tonic: int, minor: bool = False) -> Performance:
    """Play a chord for two quarters each, the root in the bass, the tonic first and last."""
    table = MINOR if minor else MAJOR
    rows = []
    for index, degree in enumerate(degrees):
        tones = table[degree]
        rows += [(48 + tonic % 12 + tones[0] % 12 - 12, 2 * index)]
        rows += [(60 + tonic % 12 + tone, 2 * index) for tone in tones]
    pitch, onset = np.array(rows, dtype=float).T
    return Performance.from_arrays(
        pitch,
        onset_s=onset / 2,
        offset_s=onset / 2 + 1,
        onset_quarters=onset,
        offset_quarters=onset + 2,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "music"
    root.mkdir()
    song, plain = ["I", "V", "vi", "IV"] * 3 + ["I"], ["I", "IV", "V", "I"] * 4
    write_midi(chords(song, tonic=7), root / "song in G.mid")
    write_midi(chords(plain, tonic=0), root / "plain in C.mid")
    write_midi(chords(["i", "iv", "V", "i"] * 4, tonic=1, minor=True), root / "minor in C sharp.mid")
    (root / "broken.mid").write_bytes(b"MThd")
    return root


def titles(folder: Path, **asked: object) -> list[str]:
    analyse = partial(analyses_of, cache_dir=folder.parent / "cache", num_workers=1)
    music = MusicFilter(**asked)  # type: ignore[arg-type]
    return [piece.title for piece in PieceFilter(music=music).apply(Folder(folder).pieces(), analyse=analyse)]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"mode": "minor"}, ["minor in C sharp"]),
        ({"mode": "major"}, ["plain in C", "song in G"]),
        ({"key": "G"}, ["song in G"]),
        ({"key": ["G major", "C-sharp minor"]}, ["minor in C sharp", "song in G"]),
        ({"key": "db minor"}, ["minor in C sharp"]),
        ({"progression": ["I", "V", "vi", "IV"]}, ["song in G"]),
        ({"progression": ["IV", "V", "I"]}, ["plain in C"]),
        ({"mode": "major", "key": ["C", "C#m"]}, ["plain in C"]),
    ],
)
def test_pieces_are_chosen(folder: Path, asked: dict, expected: list[str]) -> None:
    assert titles(folder, **asked) == expected


def test_what_nothing_fits_is_said(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"none of 4 pieces is mode=minor and key=G major"):
        titles(folder, mode="minor", key="G major")


@pytest.mark.parametrize(
    "asked", [{"mode": "dorian"}, {"key": "H minor"}, {"progression": ["I", "5"]}, {"form": "ABC"}]
)
def test_what_cannot_be_looked_for_is_refused_before_anything_is_read(asked: dict) -> None:
    (name,) = asked
    with pytest.raises(ValueError, match=name):
        MusicFilter(**asked)


def test_nothing_asked_is_no_choice() -> None:
    assert not MusicFilter()
    assert MusicFilter(form="aba")


def test_form_is_asked_of_the_frames() -> None:
    frames = np.zeros((32, 12))
    frames[:10, 0] = frames[22:, 0] = 1.0
    frames[10:22, 6] = 1.0
    known = Analysis(Key(0, "major"), ("I",), frames - frames.mean(axis=0))
    assert MusicFilter(form="ABA").fits(known)
    assert not MusicFilter(form="ABA").fits(Analysis(Key(0, "major"), ("I",), None))


def test_pieces_are_analysed_once_and_damage_is_mended(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = Counter()

    def counted(path: Path) -> Performance:
        read[path.name] += 1
        return plain_read(path)

    plain_read = analysis.read_midi
    monkeypatch.setattr(analysis, "read_midi", counted)
    cache = folder.parent / "cache"
    pieces = Folder(folder).pieces()
    first = analyses_of(pieces, cache_dir=cache, num_workers=1)
    assert len(first) == 3
    again = analyses_of(pieces, cache_dir=cache, num_workers=1)
    assert set(read.values()) == {1}
    assert {content: one.key for content, one in again.items()} == {c: one.key for c, one in first.items()}
    with contextlib.closing(sqlite3.connect(catalogue_path(cache))) as catalogue, catalogue:
        catalogue.execute("UPDATE findings SET value = '[1]'")
    mended = analyses_of(pieces, cache_dir=cache, num_workers=1)
    assert set(read.values()) == {2}
    assert {content: one.key for content, one in mended.items()} == {c: one.key for c, one in first.items()}


def test_prepared_pieces_are_the_chosen_ones(folder: Path) -> None:
    cache = folder.parent / "cache"
    choice = PieceFilter(music=MusicFilter(mode="major"))
    prepared = prepare(Folder(folder), ClockGrid(), choice=choice, cache_dir=cache, num_workers=1)
    assert [piece.title for piece in prepared.pieces] == ["plain in C", "song in G"]
