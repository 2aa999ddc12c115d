"""Ctrl-C: every process of the terminal gets it, one line is said, and what is done is kept."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.command import ENVIRONMENT
from tests.conftest import tiny_settings

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")

SLOW_TASKS = """
import time
from musicgen.files.workers import run_tasks
if __name__ == "__main__":
    print("begun", flush=True)
    for _ in run_tasks(time.sleep, [1.0] * 400, processes=2):
        pass
"""


def started(*arguments: str, folder: Path) -> subprocess.Popen:
    """Start Python in a process group of its own, as a terminal does."""
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, **ENVIRONMENT},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a job in the background ignores it
    )


def interrupt(process: subprocess.Popen) -> str:
    """Press Ctrl-C; return what is said."""
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=120)
    return out + err


@pytest.mark.gate
def test_an_interrupted_training_can_go_on(midi_folder: Path, tmp_path: Path):
    settings = [*tiny_settings(midi_folder), "max_epochs.vq_vae=100000", "hydra.run.dir=a b"]
    process = started("-m", "musicgen", "train", *settings, folder=tmp_path)
    deadline = time.monotonic() + 300
    while not (tmp_path / "a b" / "checkpoints" / "vq_vae-last.ckpt").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.2)
    said = interrupt(process)
    assert process.returncode == 130
    assert "Traceback" not in said
    assert "musicgen train is interrupted; what is finished is kept" in said
    assert "musicgen train resume='a b' goes on" in said
    assert json.loads((tmp_path / "a b" / "status.json").read_text())["state"] == "interrupted"


@pytest.mark.parametrize("delay_s", [0.2, 1.5])
def test_workers_leave_it_to_the_process_that_waits(tmp_path: Path, delay_s: float):
    (tmp_path / "slow.py").write_text(SLOW_TASKS)
    process = started("slow.py", folder=tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    time.sleep(delay_s)  # while workers start, and while they work
    began = time.monotonic()
    said = interrupt(process)
    assert said.count("Traceback") == 1  # of the script, which does not expect it
    assert said.rstrip().endswith("KeyboardInterrupt")
    assert time.monotonic() - began < 20  # without what waits for the workers, which takes a minute
