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
