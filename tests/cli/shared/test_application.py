"""The command line: what it is told, and what it says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from musicgen.cli.shared.application import launch
from tests.command import ENVIRONMENT

ROOT = Path(__file__).resolve().parents[3]


def test_help_names_every_verb(musicgen):
    said = musicgen("--help").stdout
    for verb in ("prepare", "train", "generate", "evaluate", "compare", "import"):
        assert verb in said


def test_help_waits_for_no_heavy_import():
    code = "import sys; sys.argv = ['musicgen', '--help']; from musicgen.__main__ import main; main();"
    code += "print([name for name in ('torch', 'hydra', 'numpy', 'music21') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_reader_that_has_enough_is_not_answered_with_a_traceback():
    reading, writing = os.pipe()
    os.close(reading)  # as `head` does after its last line
    called = [sys.executable, "-m", "musicgen", "--help"]
    done = subprocess.run(called, stdout=writing, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    os.close(writing)
    assert done.stderr == ""


def test_a_killed_worker_of_a_launcher_is_told_with_what_to_do(monkeypatch, capsys):
    class TerminatedWorkerError(Exception):
        pass

    def ends(*_):
        raise TerminatedWorkerError

    monkeypatch.setattr("musicgen.cli.shared.application._run", ends)
    monkeypatch.setattr(sys, "argv", ["musicgen", "prepare"])
    with pytest.raises(SystemExit):
        launch(lambda config: None, verb="prepare")
    assert "give the same command again" in capsys.readouterr().err


def test_an_unknown_verb_is_answered_with_the_known_ones(musicgen):
    assert "use one of prepare, train" in musicgen("trian", fails=True).stderr


def test_a_verb_shows_its_settings(musicgen):
    assert "max_epochs" in musicgen("train", "--cfg", "job").stdout


def test_watching_and_keeping_order_need_no_networks():
    rooms = (
        "musicgen.sweeps.watch, musicgen.sweeps.housekeeping, musicgen.sweeps.announce, "
        "musicgen.sweeps.plan.workers"
    )
    code = f"import sys, {rooms}, musicgen.reports.compare.compare\n"
    code += "print([name for name in ('torch', 'scipy', 'matplotlib') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.skipif(os.name == "nt", reason="Windows lets nobody remove the folder of a process")
def test_a_folder_that_is_gone_is_named(tmp_path: Path):
    script = f"mkdir gone; cd gone; rmdir ../gone; exec {sys.executable} -m musicgen runs list {tmp_path}"
    environment = {**os.environ, **ENVIRONMENT}
    done = subprocess.run(["sh", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.endswith("the folder of this terminal is not there any more; cd to another\n")
    assert "Traceback" not in done.stderr
