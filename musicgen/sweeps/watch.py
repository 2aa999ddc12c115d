"""A live table of the jobs of a sweep."""

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from musicgen.pipeline.status import Status
from musicgen.reports.runs.runs import printable
from musicgen.sweeps.jobs_progress import Progress, duration, metric, read_progress

STYLES = {
    **{"running": "bold", "waiting": "yellow", "pruned": "dim"},
    **dict.fromkeys(("failed", "killed", "interrupted"), "red"),
}
METRICS = {"BCE": "vq_vae/val/bce", "perplexity": "vq_vae/val/perplexity"}
MORE_METRICS = {"nats/code": "transformer/val/nats_per_code", "bits/q": "val/bits_per_quarter"}
WIDE = 100  # columns from which MORE_METRICS are shown


def progress_table(progress: Progress, *, width: int, height: int = 0) -> Group:
    """Draw the jobs: state, stage, epoch, held-out metrics, time left.

    Args:
        progress: The sweep.
        width: Columns of the terminal; MORE_METRICS need 100.
        height: Lines of the terminal; finished jobs that do not fit are left out. 0 draws all.
    """
    table = Table(box=None, header_style="dim", pad_edge=False)
    metrics = {**METRICS, **(MORE_METRICS if width >= WIDE else {})}
    for name in ("job", "state", "stage", *metrics, "left"):
        justify = "left" if name in ("job", "state", "stage") else "right"
        table.add_column(name, justify=justify, no_wrap=name != "job", overflow="fold")
    jobs = sorted(progress.jobs, key=lambda job: job.state == "done") if height else list(progress.jobs)
    shown = jobs[: max(1, height - 5)] if height else jobs
    for job in shown:
        status = job.status
        at_work = job.state not in ("done", "failed", "pruned")
        table.add_row(
            printable(job.name).replace(",", ", "),  # allow line breaks
            Text(job.state, style=STYLES.get(job.state, "")),
            _stage(status) if at_work else "",
            *(metric(status.metrics, name) for name in metrics.values()),
            duration(job.seconds_left) if job.state == "running" else "",
        )
    return Group(table, Text(summary(progress, hidden=len(jobs) - len(shown)), style="dim"))


def _stage(status: Status) -> str:
    title = status.title or status.stage
    return f"{title} {status.epoch}/{status.max_epochs}" if status.max_epochs else title


def summary(progress: Progress, *, hidden: int = 0) -> str:
    """Count the jobs per state, and the reused stages."""
    states = ("done", "running", "waiting", "failed", "pruned", "interrupted", "killed")
    parts = [f"{count} {state}" for state in states if (count := progress.count(state))]
    if progress.not_started:
        parts.append(f"{progress.not_started} not started")
    taken = sum(len(job.taken) for job in progress.jobs)
    if taken:
        parts.append(f"{taken} stage(s) reused")
    if hidden:
        parts.append(f"{hidden} not shown")
    return ", ".join(parts) or "no job has started"


def watch(
    folders: Sequence[Path],
    *,
    every_s: float,
    console: Console,
    is_over: Callable[[Progress], bool],
) -> Progress:
    """Show the table and refresh it until the sweep is over.

    Args:
        folders: Runs, sweeps, or folders of them.
        every_s: Refresh interval in seconds.
        console: The terminal.
        is_over: Whether to stop.
    """
    progress = read_progress(folders)
    if not console.is_terminal:
        console.print(progress_table(progress, width=console.width))
        return progress

    def table() -> Group:
        return progress_table(progress, width=console.width, height=console.height)

    with Live(table(), console=console, auto_refresh=False) as live:
        while not is_over(progress):
            time.sleep(every_s)
            progress = read_progress(folders)
            live.update(table(), refresh=True)
    return progress


class Watcher(threading.Thread):
    """Show the table of a sweep while its launcher waits for the jobs.

    Args:
        folder: The sweep.
        every_s: Refresh interval in seconds.
    """

    def __init__(self, folder: Path, *, every_s: float = 1.0) -> None:
        super().__init__(daemon=True)
        self.folder, self.every_s = folder, every_s
        self._stopped = threading.Event()

    def run(self) -> None:
        """Refresh the table until `stop` is called."""
        while not self.folder.is_dir() and not self._stopped.is_set():
            time.sleep(0.2)
        if not self._stopped.is_set():
            console = Console(stderr=True)
            watch(
                [self.folder], every_s=self.every_s, console=console, is_over=lambda _: self._stopped.is_set()
            )

    def stop(self) -> None:
        """Stop the table and wait for the thread."""
        self._stopped.set()
        self.join(timeout=5)
