"""Kill a sweep twice with -9, resume it, and compare every metric with the same sweep left alone.

    python scripts/interrupted_sweep.py data=giantmidi data.composer=[Chopin] data.title=Nocturne

Two numbers of epochs, two hidden sizes and three seeds are swept over, with small networks; further arguments
are settings of `musicgen train`. Ends with an error where a metric differs.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SWEEP = ["epochs=2,4", "vq_vae.num_hiddens=16,32", "seed=0,1,2"]
SMALL = [
    "quantizer.embedding_dim=16",
    "transformer.num_layers=1",
    "transformer.num_heads=2",
    "transformer.width=32",
    "windows.hop_quarters=4",
    "generate.num_quarters=32",
    "threads=1",
]
STATUS = "status.json"


def start(folder: Path, *arguments: str) -> subprocess.Popen:
    """Start `musicgen train` with what it starts in a group of its own, its words in a log."""
    with (folder / "words.log").open("a") as words:
        return subprocess.Popen(
            [sys.executable, "-m", "musicgen", "train", *arguments],
            stdout=words,
            stderr=words,
            start_new_session=True,
        )


def jobs(sweep: Path) -> list[tuple[str, str]]:
    """List state and stage of all jobs that have begun."""
    found = [json.loads(path.read_text()) for path in sweep.glob(f"*/{STATUS}")]
    return [(status["state"], status["stage"]) for status in found]


def kill_within(process: subprocess.Popen, sweep: Path, *, done: int, stage: str) -> str:
    """Kill the group once so many jobs are done and another is training a stage; say where that was."""
    while True:
        states = jobs(sweep)
        if sum(state == "done" for state, _ in states) >= done and ("running", stage) in states:
            break
        if process.poll() is not None:
            raise SystemExit(f"the sweep ended before it could be killed: {states}")
        time.sleep(0.02)
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return f"killed with {done} of 12 jobs done, one training its {stage}"


def main() -> None:
    """Run both sweeps and compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("settings", nargs="*", help="settings of musicgen train")
    parser.add_argument("--folder", type=Path, help="where the sweeps go; a temporary folder by default")
    given = parser.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp(prefix="interrupted-sweep-"))
    folder.mkdir(parents=True, exist_ok=True)
    alone, killed = folder / "alone", folder / "killed"
    settings = ["-m", *SWEEP, *SMALL, *given.settings]

    def command(sweep: Path) -> list[str]:
        return [*settings, f"data.cache_dir={folder / f'cache-{sweep.name}'}", f"hydra.sweep.dir={sweep}"]

    first = start(folder, *command(killed))
    print(kill_within(first, killed, done=3, stage="vq_vae"), flush=True)
    second = start(folder, f"resume={killed}")
    print(kill_within(second, killed, done=7, stage="transformer"), flush=True)
    if start(folder, f"resume={killed}").wait() or start(folder, *command(alone)).wait():
        raise SystemExit(f"a sweep failed; its words are in {folder / 'words.log'}")
    runs = sorted(path.parent.name for path in alone.glob("*/metrics.json"))
    differ = [
        run
        for run in runs
        if (alone / run / "metrics.json").read_bytes() != (killed / run / "metrics.json").read_bytes()
    ]
    metrics = len(json.loads((alone / runs[0] / "metrics.json").read_text()))
    print(f"{len(runs)} jobs, {metrics} metrics each: {len(differ)} jobs differ {' '.join(differ)}")
    sys.exit(bool(differ) or len(runs) != 12)


if __name__ == "__main__":
    main()
