"""A sweep that is killed and goes on gives what the same sweep gives when it is left alone."""

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


RUNS = ("transformer.width=16", "transformer.width=32")
STEPS = ("environment.json", "checkpoints/vq_vae-last.ckpt", "checkpoints/transformer-last.ckpt", "generated")
TWO_KILLS = [f"{RUNS[0]}/{STEPS[1]}", f"{RUNS[1]}/{STEPS[2]}"]
EVERY_STEP = [f"{run}/{step}" for run in RUNS for step in STEPS]


def kill_soon_after(mark: Path, *arguments: str, delay_s: float) -> bool:
    """Start a command and kill it, with all that it started, soon after a file is there; tell if it ran."""
    process = subprocess.Popen(
        [sys.executable, "-m", "musicgen", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 300
    while not mark.exists() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(delay_s)
    if process.poll() is not None:
        return False
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return True


def logged(run: Path) -> Counter[tuple[str, str]]:
    """Count the points of each curve in the table of a run, by step and name."""
    with (run / "csv" / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    return Counter((row["step"], name) for row in rows for name, cell in row.items() if cell and "/" in name)


@pytest.mark.long
@pytest.mark.faults
def test_a_sweep_killed_again_and_again_ends_as_the_one_left_alone(
    musicgen, tiny: list[str], tmp_path: Path, long_form: bool
):
    choose = random.Random(0)
    settings = [*tiny, "epochs=3", "transformer.width=16,32", "generate.num_pieces=1"]
    alone, killed = tmp_path / "alone", tmp_path / "killed"
    musicgen("train", "-m", *settings, f"hydra.sweep.dir={alone}")
    own_cache = f"data.cache_dir={tmp_path / 'other'}"
    command = ["train", "-m", *settings, own_cache, f"hydra.sweep.dir={killed}"]
    kills = 0
    for mark in EVERY_STEP if long_form else TWO_KILLS:
        kills += kill_soon_after(killed / mark, *command, delay_s=choose.uniform(0, 0.3))
        command = ["train", f"resume={killed}"]
    assert kills >= 2
    said = musicgen(*command).stdout
    assert f"Skipped: {killed / RUNS[0]} is done" in said
    assert "VQ-VAE epoch" not in said
    for run in RUNS:
        for left in ("metrics.json", "generated/000.mid"):
            assert (alone / run / left).read_bytes() == (killed / run / left).read_bytes()
        points = logged(killed / run)
        assert set(points.values()) == {1}
        assert points == logged(alone / run)
    records = killed.glob("*/checkpoints/vq_vae.json")
    assert [json.loads(path.read_text())["trained_in"] for path in records] == [str(killed / RUNS[0])] * 2
