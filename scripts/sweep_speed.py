"""Measure how soon a command begins to train, and what parallel jobs gain over jobs in sequence.

    python scripts/sweep_speed.py                          # both, on the nocturnes of GIANTMIDI_ROOT
    python scripts/sweep_speed.py --only jobs --updates 800 --repeats 3

Both sweeps have the same jobs, as many as there are cores: side by side with one thread each, and in sequence
with all threads. Nothing is taken from other runs. Without GIANTMIDI_ROOT the pieces are made up.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.music import pieces_folder

PROJECT = Path(__file__).resolve().parents[1]
ONE_UPDATE = ["stages=[vq_vae]", "+trainer.max_steps=1", "+trainer.limit_val_batches=0"]


@dataclass(frozen=True)
class Took:
    """What a command took: seconds by the clock, and of all its processes together."""

    clock_s: float
    cpu_s: float


def musicgen(*arguments: str) -> Took:
    """Run a command to its end.

    Raises:
        SystemExit: It failed; shows what it said.
    """
    path = os.pathsep.join(filter(None, [str(PROJECT), os.environ.get("PYTHONPATH", "")]))
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "musicgen", *arguments],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    clock_s, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        said = done.stdout.decode(errors="replace")[-2000:]
        raise SystemExit(f"musicgen {' '.join(arguments)} ended with {done.returncode}:\n{said}")
    return Took(clock_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def told(name: str, found: Sequence[Took]) -> float:
    """Print a line with medians; give the seconds by the clock."""
    clock_s = statistics.median(one.clock_s for one in found)
    cpu_s = statistics.median(one.cpu_s for one in found)
    print(f"{name:<44} {clock_s:7.2f} s {cpu_s:8.2f} CPU-seconds", flush=True)
    return clock_s


def start(data: Sequence[str], folder: Path, *, repeats: int) -> None:
    """Time the help, and a run up to its first update, which it ends with, on a warm cache."""
    told("musicgen --help", [musicgen("--help") for _ in range(repeats)])
    runs = [f"hydra.run.dir={folder / f'start-{number}'}" for number in range(repeats)]
    found = [musicgen("train", *data, *ONE_UPDATE, "reuse=false", run) for run in runs]
    told("musicgen train, warm, to its first update", found)


def jobs(data: Sequence[str], folder: Path, *, count: int, updates: int, repeats: int) -> None:
    """Time the same sweep side by side and in sequence, in turn, and print the ratio."""
    sweep = [
        *("train", "-m", *data, "reuse=false", f"seed={','.join(map(str, range(count)))}", "epochs=2"),
        *(f"updates_per_epoch.vq_vae={updates // 2}", f"updates_per_epoch.transformer={updates // 4}"),
    ]
    ways = {
        "side by side, 1 thread each": ["hydra/launcher=joblib", f"hydra.launcher.n_jobs={count}"],
        f"in sequence, {count} threads each": [f"threads={count}"],
    }
    found: dict[str, list[Took]] = {way: [] for way in ways}
    for number in range(repeats):
        for place, (way, settings) in enumerate(ways.items()):
            found[way].append(musicgen(*sweep, *settings, f"hydra.sweep.dir={folder / f'{place}-{number}'}"))
    beside, after = (told(f"{count} jobs {way}", found[way]) for way in ways)
    print(f"side by side / in sequence: {beside / after:.2f}, {updates} + {updates // 2} updates a job")


def main(arguments: Sequence[str] | None = None) -> None:
    """Prepare the pieces, then measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("settings", nargs="*", help="settings of musicgen train")
    parser.add_argument("--only", choices=["start", "jobs"], help="measure one of the two")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="as many as there are cores")
    parser.add_argument("--updates", type=int, default=400, help="of the VQ-VAE; the transformer has half")
    parser.add_argument("--repeats", type=int, default=1, help="the medians are printed")
    given = parser.parse_args(arguments)
    with pieces_folder() as (root, source), tempfile.TemporaryDirectory(prefix="sweep-speed-") as name:
        data = [f"data.cache_dir={name}/cache", "data=folder", f"data.root={root}"]
        if os.environ.get("GIANTMIDI_ROOT"):
            data = [data[0], "data=giantmidi", "data.composer=[Chopin]", "data.title=Nocturne"]
        print(f"{source}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}", flush=True)
        musicgen("prepare", *data, f"hydra.run.dir={name}/prepare")
        data += given.settings
        if given.only != "jobs":
            start(data, Path(name), repeats=given.repeats)
        if given.only != "start":
            jobs(data, Path(name), count=given.jobs, updates=given.updates, repeats=given.repeats)


if __name__ == "__main__":
    main()
