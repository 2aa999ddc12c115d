"""Consoles as they are: not UTF-8, or read by someone who leaves early."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.reports.run_folders import make_run

ROOT = Path(__file__).resolve().parents[2]


def started(*arguments: str, folder: Path, **more) -> subprocess.Popen:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTHONIOENCODING": "cp1252",
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "musicgen", *arguments]
    return subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, **more)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make_run(tmp_path / "run ♯")


def test_a_console_that_is_not_utf_8_shows_what_it_can(run: Path, tmp_path: Path):
    process = started("compare", str(run), "formats=[csv]", folder=tmp_path, stdout=subprocess.PIPE)
    out, err = process.communicate(timeout=600)
    assert (process.returncode, err) == (0, b"")
    assert b"BCE ?" in out


def test_a_reader_that_leaves_early_sees_no_traceback(midi_folder: Path, tmp_path: Path):
    reading, writing = os.pipe()
    os.close(reading)  # as `head` does after its last line
    settings = ["data=folder", f"data.root={midi_folder}", "data.cache_dir=cache", "data.num_workers=1"]
    process = started("prepare", *settings, folder=tmp_path, stdout=writing)
    os.close(writing)
    _, err = process.communicate(timeout=600)
    assert b"Traceback" not in err
    assert b"--- Logging error ---" not in err


def test_verbs_that_leave_nothing_touch_no_file_of_the_users(musicgen):
    own = musicgen.folder / "error.txt"
    own.write_text("mine")
    for line, fails in (("watch .", False), ("runs list .", True), ("runs lists .", True)):
        assert "Traceback" not in musicgen(*line.split(), fails=fails).stderr
        assert own.read_text() == "mine"
        assert [path.name for path in musicgen.folder.iterdir()] == ["error.txt"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no full device")
def test_a_full_disk_behind_the_console_is_said(run: Path, tmp_path: Path):
    with open("/dev/full", "wb") as full:
        process = started("compare", str(run), "formats=[csv]", folder=tmp_path, stdout=full)
    _, err = process.communicate(timeout=600)
    assert process.returncode == 1
    assert err.decode() == "musicgen: not all output could be written: No space left on device\n"
    assert list(tmp_path.glob("outputs/compare/*/comparison.csv"))


@pytest.mark.skipif(os.name == "nt", reason="its shells close no streams")
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_a_closed_stream_ends_no_verb(tmp_path: Path, closed: str):
    script = f"exec {sys.executable} -m musicgen --help {closed}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["sh", "-c", script], cwd=tmp_path, env=environment, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")


def test_names_that_are_no_unicode_are_shown_and_logged(midi_folder: Path, tmp_path: Path):
    folder = tmp_path / os.fsdecode(b"m\xfcsik")
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("this file system takes Unicode names only")
    for number, path in enumerate(sorted(midi_folder.iterdir())[:3]):
        (folder / os.fsdecode(b"n\xe9 %d.mid" % number)).write_bytes(path.read_bytes())
    (folder / os.fsdecode(b"\xe9.mid")).write_bytes(b"no music")
    settings = ["data=folder", f"data.root={folder}", "data.cache_dir=cache", "data.num_workers=1"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8"}
    called = [sys.executable, "-m", "musicgen", "prepare", *settings]
    done = subprocess.run(called, cwd=tmp_path, env=environment, capture_output=True, timeout=600)
    assert done.returncode == 0
    assert b"Error" not in done.stderr + done.stdout
    assert b"the first is \xe9.mid" in done.stdout + done.stderr
    [log] = tmp_path.glob("outputs/prepare/*/prepare.log")
    assert r"the first is \udce9.mid" in log.read_text(encoding="utf-8")
