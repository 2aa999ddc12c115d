import random
from pathlib import Path

import numpy as np
import pytest

from musicgen.data.store import cache as cache_module
from musicgen.data.store.cache import PieceCache
from musicgen.data.store.facts import PieceFacts
from musicgen.files.hashing import hash_file
from musicgen.music.grid import ClockGrid


@pytest.fixture
def cache(tmp_path: Path) -> PieceCache:
    return PieceCache(tmp_path / "cache", ClockGrid())


@pytest.fixture
def filled(cache: PieceCache, tmp_path: Path, write_piece) -> tuple[PieceCache, Path, str]:
    path = write_piece(tmp_path / "a.mid")
    content = hash_file(path)
    cache.read_piece(path, content)
    return cache, path, content


def test_an_entry_gives_back_what_the_grid_drew(filled):
    cache, path, content = filled
    drawn = ClockGrid().read(path)
    assert np.array_equal(cache.packed(content), drawn.packed)
    assert cache.facts(content) == PieceFacts(len(drawn.packed), drawn.num_notes, drawn.counts)


def test_a_missing_entry_is_none(cache: PieceCache):
    assert cache.packed("ab" * 32) is None
    assert cache.facts("ab" * 32) is None


def test_every_flipped_bit_is_found(filled, caplog: pytest.LogCaptureFixture):
    cache, path, content = filled
    entry = cache.path_of(content)
    whole = entry.read_bytes()
    for position in random.Random(0).sample(range(len(whole)), 200):
        data = bytearray(whole)
        data[position] ^= 1 << position % 8
        entry.write_bytes(data)
        assert cache.packed(content) is None, f"byte {position}"
    assert "damaged" in caplog.text
    assert cache.read_piece(path, content).num_quarters > 0
    assert entry.read_bytes() == whole


def test_every_truncation_is_found(filled):
    cache, _, content = filled
    entry = cache.path_of(content)
    whole = entry.read_bytes()
    for length in [0, 1, 15, 16, 40, len(whole) // 2, len(whole) - 1]:
        entry.write_bytes(whole[:length])
        assert cache.packed(content) is None
        assert cache.facts(content) is None


def test_an_entry_is_whole_or_not_there(filled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    cache, path, content = filled
    cache.path_of(content).unlink()

    def full_disk(source: str, target: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("musicgen.files.atomic.os.replace", full_disk)
    with pytest.raises(OSError, match="No space left"):
        cache.read_piece(path, content)
    assert [file for file in cache.folder.rglob("*") if file.is_file()] == []


def test_a_file_that_is_no_music_is_remembered_as_such(cache: PieceCache, tmp_path: Path, monkeypatch):
    path = tmp_path / "a.mid"
    path.write_bytes(b"not a MIDI file")
    content = hash_file(path)
    facts = cache.read_piece(path, content)
    assert "not a MIDI file" in facts.error
    assert str(path) not in facts.error
    assert cache.facts(content) == facts


def test_a_file_that_vanished_or_changed_is_not_remembered(cache: PieceCache, tmp_path: Path, write_piece):
    gone = cache.read_piece(tmp_path / "gone.mid", "ab" * 32)
    assert gone.transient
    assert "No such file" in gone.error
    changed = cache.read_piece(write_piece(tmp_path / "a.mid"), "cd" * 32)
    assert changed.transient
    assert "changed" in changed.error
    assert not cache.folder.exists()


def test_another_grid_has_its_own_entries(filled, tmp_path: Path):
    _, _, content = filled
    assert PieceCache(tmp_path / "cache", ClockGrid(sustain=True)).facts(content) is None


def test_a_fault_of_ours_names_the_file(cache: PieceCache, tmp_path: Path, write_piece, monkeypatch):
    path = write_piece(tmp_path / "a.mid")

    def broken(grid: ClockGrid, path: Path) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(ClockGrid, "read", broken)
    with pytest.raises(ZeroDivisionError) as error:
        cache.read_piece(path, hash_file(path))
    assert "a.mid" in error.value.__notes__[0]


def test_a_quarter_takes_352_bytes():
    assert cache_module.BYTES_PER_QUARTER == 352
