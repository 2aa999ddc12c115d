import hashlib
import os
import time
from pathlib import Path

import pytest

from musicgen.data.catalogue import content_hashes as hashing
from musicgen.data.catalogue.content_hashes import catalogue_path, hash_files


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{number}.mid" for number in range(5)]
    for path in paths:
        path.write_bytes(path.name.encode())
        old = time.time_ns() - 10**11
        os.utime(path, ns=(old, old))
    return paths


def digests(paths: list[Path]) -> list[str]:
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]


def refuse(path: Path) -> str:
    raise AssertionError(f"{path} was read")


def test_a_warm_start_reads_no_file(files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    expected = digests(files)
    assert hash_files(files, cache_dir=tmp_path / "cache") == expected
    monkeypatch.setattr(hashing, "hash_file", refuse)
    assert hash_files(files, cache_dir=tmp_path / "cache") == expected


def test_a_changed_file_is_hashed_again(files, tmp_path: Path):
    before = hash_files(files, cache_dir=tmp_path / "cache")
    files[2].write_bytes(b"other")
    after = hash_files(files, cache_dir=tmp_path / "cache")
    assert after == digests(files)
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, True, False, True, True]


def test_a_file_that_may_still_change_is_not_remembered(files, tmp_path: Path):
    files[0].write_bytes(b"12345")
    hash_files(files, cache_dir=tmp_path / "cache")
    status = files[0].stat()
    files[0].write_bytes(b"54321")
    os.utime(files[0], ns=(status.st_mtime_ns, status.st_mtime_ns))
    assert hash_files(files, cache_dir=tmp_path / "cache") == digests(files)


@pytest.mark.parametrize("damage", [b"", b"[1, 2]", b"{" * 5000])
def test_a_damaged_index_only_costs_time(files, tmp_path: Path, damage: bytes):
    hash_files(files, cache_dir=tmp_path / "cache")
    catalogue_path(tmp_path / "cache").write_bytes(damage)
    assert hash_files(files, cache_dir=tmp_path / "cache") == digests(files)


def test_a_file_that_cannot_be_read_has_no_digest(files, caplog: pytest.LogCaptureFixture):
    files[1].unlink()
    assert [bool(digest) for digest in hash_files(files)] == [True, False, True, True, True]
    assert "cannot be read" in caplog.text
