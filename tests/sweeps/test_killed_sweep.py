"""A sweep that is killed and goes on gives what the same sweep gives when it is left alone."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def kill_when(reached: Callable[[], bool], *arguments: str, folder: Path) -> None:
    """Start a command and kill it, with all that it started, as soon as something is reached."""
    process = subprocess.Popen(
        [sys.executable, "-m", "musicgen", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 300
    while not reached():
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.mark.long
@pytest.mark.faults
def test_killed_twice_and_resumed_equals_left_alone(musicgen, tiny: list[str], tmp_path: Path):
    settings = [*tiny, "epochs=3", "transformer.width=16,32", "generate.num_pieces=1"]
    alone, killed = tmp_path / "alone", tmp_path / "killed"
    musicgen("train", "-m", *settings, f"hydra.sweep.dir={alone}")
    first, second = killed / "transformer.width=16", killed / "transformer.width=32"
    own_cache = f"data.cache_dir={tmp_path / 'other'}"
    start = ["train", "-m", *settings, own_cache, f"hydra.sweep.dir={killed}"]
    kill_when((first / "checkpoints" / "vq_vae-last.ckpt").is_file, *start, folder=tmp_path)
    again = ["train", f"resume={killed}"]
    kill_when((second / "checkpoints" / "transformer-last.ckpt").is_file, *again, folder=tmp_path)
    said = musicgen(*again).stdout
    assert f"Kept: {first} is done" in said
    assert "VQ-VAE epoch" not in said
    for run in ("transformer.width=16", "transformer.width=32"):
        for left in ("metrics.json", "generated/000.mid"):
            assert (alone / run / left).read_bytes() == (killed / run / left).read_bytes()
    records = killed.glob("*/checkpoints/vq_vae.json")
    assert [json.loads(path.read_text())["trained_in"] for path in records] == [str(first)] * 2
