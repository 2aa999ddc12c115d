"""musicgen tensorboard: the curves of runs in TensorBoard, by the short names of a comparison."""

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from omegaconf import DictConfig

from musicgen.cli.shared.application import launch


def tensorboard(config: DictConfig) -> None:
    """Start TensorBoard on links to the runs' event files, until it is interrupted."""
    from musicgen.reports.runs.board_links import link_runs
    from musicgen.reports.runs.runs import load_runs

    runs = load_runs([Path(folder) for folder in config.runs])
    with tempfile.TemporaryDirectory(prefix="musicgen-tensorboard-") as folder:
        names = link_runs(runs, Path(folder))
        print(
            f"{len(names)} of {len(runs)} runs have curves: {', '.join(names[:8])}{' …' * (len(names) > 8)}"
        )
        command = [sys.executable, "-m", "tensorboard.main", "--logdir", folder, "--port", str(config.port)]
        with subprocess.Popen(command) as board:
            signal.signal(signal.SIGTERM, lambda number, frame: board.terminate())
            try:
                sys.exit(board.wait())
            except KeyboardInterrupt:
                print("TensorBoard is closed; the runs are as they were.")


def main() -> None:
    """Run the verb; plain arguments are folders of runs."""
    launch(tensorboard, verb="tensorboard")
