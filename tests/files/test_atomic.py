import os
import stat
import time
from pathlib import Path

import pytest

from musicgen.files import atomic as files
from musicgen.files.atomic import atomic_file, remove_leftovers, write_atomically


def test_a_file_appears_whole_with_the_usual_rights(tmp_path: Path):
    write_atomically(tmp_path / "deep" / "a", b"data")
    (tmp_path / "plain").touch()
    assert (tmp_path / "deep" / "a").read_bytes() == b"data"
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("deep/a", "plain")]
    assert modes[0] == modes[1]


def test_a_block_that_raises_leaves_the_old_file_and_nothing_else(tmp_path: Path):
    write_atomically(tmp_path / "a", b"old")

    def fail() -> None:
        with atomic_file(tmp_path / "a") as file:
            file.write(b"half of the ne")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"


def test_a_full_disk_is_told_with_the_file_and_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "replace", full)
    with pytest.raises(OSError, match=r"No space left on device; make room or give another folder.*the_file"):
        write_atomically(tmp_path / "the_file", b"data")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_disk_that_fills_up_while_writing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    open_file = Path.open
    monkeypatch.setattr(Path, "open", lambda path, mode: open_file(Path("/dev/full"), "wb"))
    with pytest.raises(OSError, match="No space left on device; make room"):
        write_atomically(tmp_path / "a", b"data" * 10_000)
    assert list(tmp_path.iterdir()) == []


def test_leftovers_of_killed_processes_are_removed_but_not_what_is_being_written(tmp_path: Path):
    for name, age_s in (("old", 7200), ("young", 10)):
        path = tmp_path / f".{name}.1-abcd.partial"
        path.touch()
        os.utime(path, (time.time() - age_s,) * 2)
    remove_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".young.1-abcd.partial"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_told(tmp_path: Path):
    tmp_path.chmod(0o500)
    with pytest.raises(OSError, match="give another folder"):
        write_atomically(tmp_path / "a", b"data")
