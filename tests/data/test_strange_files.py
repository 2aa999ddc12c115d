"""A folder of strange files: each is taken or skipped with its reason, and none stops the others."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest

from musicgen.data.catalogue.piece_filter import PieceFilter
from musicgen.data.prepare import Prepared, prepare, write_summary
from musicgen.data.sources.folder import Folder
from musicgen.music.grid import ClockGrid


def chunk(track: bytes) -> bytes:
    return b"MThd\0\0\0\6\0\1\0\1\1\xe0MTrk" + len(track).to_bytes(4, "big") + track


MILLION = b"\x00\x90\x3c\x40\x01\x3c\x00" + b"\x01\x3c\x40\x01\x3c\x00" * 999_999
ONE_NOTE = b"\x00\x90\x3c\x40\x83\x60\x3c\x00"
STRANGE = {
    "one note.mid": (chunk(ONE_NOTE), ""),
    "a million notes.mid": (
        chunk(b"\x00\x90\x3c\x40\x01\x3c\x00" + b"\x01\x3c\x40\x01\x3c\x00" * 999_999),
        "",
    ),
    "silence.mid": (chunk(b"\x00\xff\x2f\x00"), "no notes"),
    "tempo of 0.mid": (chunk(b"\x00\xff\x51\x03\0\0\0" + ONE_NOTE), ""),
    "nothing.mid": (b"", "not a MIDI file"),
    "夜想曲 第2番.mid": (chunk(b"\x00\x90\x3d\x40\x83\x60\x3d\x00"), ""),
    "ليلية.MID": (chunk(b"\x00\x90\x3e\x40\x83\x60\x3e\x00"), ""),
    "🎹 \n a line.mid": (chunk(b"\x00\x90\x3f\x40\x83\x60\x3f\x00"), ""),
    "not unicode \udcff\udce9.mid": (chunk(b"\x00\x90\x40\x40\x83\x60\x40\x00"), ""),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("strange") / "folder \udcfe"
    try:
        folder.mkdir()
        for name, (data, _) in STRANGE.items():
            (folder / name).write_bytes(data)
    except OSError as error:
        pytest.skip(f"this file system takes Unicode names only: {error}")
    return folder


def prepared(folder: Path, cache: Path) -> Prepared:
    source = Folder(folder, cache_dir=cache)
    return prepare(
        source, ClockGrid(), choice=PieceFilter(), cache_dir=cache, val_fraction=0.4, progress=False
    )


def test_each_strange_file_is_taken_or_skipped_with_its_reason(folder: Path, tmp_path: Path):
    done = prepared(folder, tmp_path / "cache")
    reasons = {name: reason for name, (_, reason) in STRANGE.items() if reason}
    assert {piece.path.name for piece in done.pieces} == STRANGE.keys() - reasons.keys()
    assert {one.path.name for one in done.skipped} == reasons.keys()
    assert all(reasons[one.path.name] in one.reason for one in done.skipped)
    assert done.summary["notes"] == 1_000_006


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no pipes in folders")
def test_pipes_devices_and_links_to_nowhere_or_in_circles_hold_nothing_up(tmp_path: Path):
    root = tmp_path / "music"
    (root / "below").mkdir(parents=True)
    (root / "a.mid").write_bytes(STRANGE["one note.mid"][0])
    os.mkfifo(root / "pipe.mid")
    os.mkfifo(root / "pipe.csv")
    (root / "endless.mid").symlink_to("/dev/zero")
    (root / "endless.csv").symlink_to("/dev/zero")
    (root / "nowhere.mid").symlink_to(root / "gone")
    (root / "itself.mid").symlink_to(root / "itself.mid")
    (root / "below" / "circle").symlink_to(root)
    (root / "folder.mid").mkdir()
    done = prepared(root, tmp_path / "cache")
    assert [piece.path.name for piece in done.pieces] == ["a.mid"]
    assert {one.path.stem: one.reason for one in done.skipped} == dict.fromkeys(
        ["pipe", "endless", "nowhere", "itself"], "cannot be read"
    )


@pytest.mark.parametrize("year", [1800, 1969, 2038, 2200])
def test_a_file_from_another_age_is_read(tmp_path: Path, year: int):
    path = tmp_path / "music" / "a.mid"
    path.parent.mkdir()
    path.write_bytes(STRANGE["one note.mid"][0])
    seconds = (year - 1970) * 31_556_952
    os.utime(path, (seconds, seconds))
    for _ in range(2):
        assert len(prepared(path.parent, tmp_path / "cache").pieces) == 1


def test_the_summary_of_strange_names_is_written_and_a_second_call_agrees(folder: Path, tmp_path: Path):
    old = os.stat(folder).st_mtime - 100
    for path in folder.iterdir():
        os.utime(path, (old, old))  # old enough for their hashes to be remembered
    first = prepared(folder, tmp_path / "cache")
    write_summary(first, tmp_path / "out")
    with (tmp_path / "out" / "skipped.csv").open(
        encoding="utf-8", errors="surrogateescape", newline=""
    ) as table:
        assert len(list(csv.DictReader(table))) == len(first.skipped)
    second = prepared(folder, tmp_path / "cache")
    assert second.summary == first.summary
    for name, split in first.splits.items():
        assert np.array_equal(split.packed, second.splits[name].packed)
