"""Rows: how long commands take to begin, and from files never read before to the first update."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measure import Bench, Row, peak_mib, row_of
from benchmarks.music import some_files
from benchmarks.reference_reader import read_and_draw

_PROJECT = Path(__file__).resolve().parents[2]
_COLD_LIMIT_S = 60
_REFERENCE_FILES = 6
_LOOK_EVERY_S = 0.02


def start_up(bench: Bench) -> list[Row]:
    """Time the two commands that a user types before anything else."""
    commands = {"startup_help": ["--help"], "startup_config": ["train", "--cfg", "job"]}
    rows = []
    for name, arguments in commands.items():
        runs = [musicgen(*arguments) for _ in range(bench.size.repeats)]
        times, peaks = zip(*runs, strict=True)
        rows.append(
            row_of(
                name,
                ours=times,
                reference=None,
                unit="s",
                peak_mib=max(peaks),
                note="musicgen " + " ".join(arguments),
            )
        )
    return rows


def cold_start(bench: Bench) -> list[Row]:
    """Run `musicgen train` on a cache that is empty, up to and with the first update, process start included.

    The reference is the time that its reader alone would need for as many files, from its rate on a few.
    """
    repeats = 1 if bench.size.name != "full" else 3
    wanted = bench.size.cold_files
    times, peaks, reference = [], [], []
    count = len(some_files(bench.root, count=wanted or sys.maxsize, seed=0))
    for number in range(repeats):
        elapsed, peak = _one_update(bench, wanted)
        times.append(elapsed)
        peaks.append(peak)
        few = some_files(bench.root, count=min(_REFERENCE_FILES, count), seed=number)
        start = time.perf_counter()
        for path in few:
            read_and_draw(path)
        reference.append((time.perf_counter() - start) / len(few) * count)
    return [
        row_of(
            "cold_start",
            ours=times,
            reference=reference,
            unit="s",
            lower_is_better=True,
            mark=_COLD_LIMIT_S,
            limit=True,
            peak_mib=max(peaks),
            note=f"{count} files to the first update; the reference is its reader alone, "
            f"by its rate on {_REFERENCE_FILES} files",
        )
    ]


def _one_update(bench: Bench, files: int | None) -> tuple[float, float]:
    with tempfile.TemporaryDirectory(prefix="musicgen-cold-") as folder:
        return musicgen(
            "train",
            "data=folder",
            f"data.root={bench.root}",
            f"data.max_pieces={'null' if files is None else files}",
            f"data.cache_dir={folder}/cache",
            "data.val_fraction=0.2",
            "stages=[vq_vae]",
            "updates_per_epoch.vq_vae=1",
            "epochs=1",
            f"trainer.accelerator={'cpu' if bench.device == 'cpu' else 'gpu'}",
            "callbacks=none",
            "~callbacks.bar",
            f"threads={bench.threads}",
            f"hydra.run.dir={folder}/run",
        )


def musicgen(*arguments: str) -> tuple[float, float]:
    """Run a command to its end; give its seconds and its peak resident memory in MiB.

    Raises:
        RuntimeError: It failed; holds what it said.
    """
    path = os.pathsep.join(filter(None, [str(_PROJECT), os.environ.get("PYTHONPATH", "")]))
    peak = 0.0
    with tempfile.TemporaryFile() as said:
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "musicgen", *arguments],
            env={**os.environ, "PYTHONPATH": path},
            stdout=said,
            stderr=said,
        )
        while process.poll() is None:
            peak = max(peak, peak_mib(process.pid))
            time.sleep(_LOOK_EVERY_S)
        elapsed = time.perf_counter() - start
        if process.returncode:
            said.seek(0)
            text = said.read().decode(errors="replace")[-2000:]
            raise RuntimeError(f"musicgen {' '.join(arguments)} ended with {process.returncode}:\n{text}")
    return elapsed, peak
