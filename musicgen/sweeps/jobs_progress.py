"""Progress of the jobs of a sweep, read from their folders."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from omegaconf import OmegaConf

from musicgen.pipeline.status import STATUS_FILE, Status, is_alive, read_status
from musicgen.reports.runs.differences import folder_tails
from musicgen.reports.runs.runs import natural

ENDED = ("done", "failed", "pruned", "interrupted", "killed")


@dataclass(frozen=True)
class Job:
    """Current state of a job of a sweep.

    Attributes:
        name: The last parts of its folder, as many as tell the jobs apart: the overrides that differ.
        state: `running`, `waiting`, `done`, `failed`, `pruned`, `interrupted`; `killed` if its
            process died without updating the status.
        status: Content of its status file.
        seconds_left: Estimated time until it is done; None if unknown.
        taken: Stages reused from other runs.
    """

    name: str
    state: str
    status: Status
    seconds_left: float | None

    @property
    def taken(self) -> tuple[str, ...]:
        """Names of the stages reused from other runs."""
        return tuple(self.status.taken)


@dataclass(frozen=True)
class Progress:
    """Current state of a sweep.

    Attributes:
        jobs: Started jobs, in natural order of their names.
        not_started: Number of jobs that have not started; 0 if unknown.
    """

    jobs: tuple[Job, ...]
    not_started: int = 0

    @property
    def is_over(self) -> bool:
        """Whether all jobs have ended."""
        return bool(self.jobs) and not self.not_started and all(job.state in ENDED for job in self.jobs)

    def count(self, state: str) -> int:
        """Count the jobs in a state."""
        return sum(job.state == state for job in self.jobs)


def read_progress(folders: Sequence[Path]) -> Progress:
    """Read the progress of all runs in and below folders.

    Args:
        folders: Run folders, sweeps, or folders of them.

    Raises:
        ValueError: A folder does not exist.
    """
    found: dict[Path, None] = {}
    expected = 0
    for folder in folders:
        if not folder.is_dir():
            raise ValueError(f"{folder} is not a folder; name a run, a sweep, or a folder of them")
        statuses = sorted(folder.rglob(STATUS_FILE), key=lambda path: natural(str(path)))
        found |= dict.fromkeys(path.parent for path in statuses)
        expected += max(0, num_jobs(folder) - len(statuses))
    read = {run: status for run in found if (status := read_status(run)) is not None}
    usual = _usual_seconds(list(read.values()))
    named = zip(folder_tails(list(read)), read.items(), strict=True)
    jobs = [_job(run, name, status, usual=usual) for name, (run, status) in named]
    return Progress(tuple(jobs), not_started=expected)


def num_jobs(sweep: Path) -> int:
    """Count the jobs of a sweep from the command that started it; 0 if unknown."""
    path = sweep / "multirun.yaml"
    if not path.is_file():
        return 0
    from musicgen.sweeps.plan.jobs import job_overrides

    try:
        return len(job_overrides(OmegaConf.load(path).hydra))
    except (ValueError, AttributeError):
        return 0


def _job(run: Path, name: str, status: Status, *, usual: dict[str, float]) -> Job:
    state: str = status.state
    if state in ("running", "waiting") and not is_alive(run):
        state = "killed"
    left = None
    if state == "running":
        left = _seconds_left(status, usual)
    return Job(name=name, state=state, status=status, seconds_left=left)


def _seconds_left(status: Status, usual: dict[str, float]) -> float | None:
    """Add the median time of later stages in other jobs to the time left of this stage."""
    if status.seconds_left is None:
        return None
    left = max(0.0, status.seconds_left - (time.time() - status.updated))
    after = status.stages.index(status.stage) + 1 if status.stage in status.stages else len(status.stages)
    return left + sum(usual.get(stage, 0.0) for stage in status.stages[after:])


def _usual_seconds(statuses: Sequence[Status]) -> dict[str, float]:
    seconds: dict[str, list[float]] = {}
    for status in statuses:
        for stage, took in status.seconds.items():
            seconds.setdefault(stage, []).append(took)
    return {stage: median(took) for stage, took in seconds.items()}


def duration(seconds: float | None) -> str:
    """Format a duration as `40 s`, `3 min` or `2 h 05`; a dash if unknown."""
    if seconds is None:
        return "–"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d}"


def metric(values: dict[str, Any], name: str) -> str:
    """Format a metric with four digits; a dash if missing."""
    value = values.get(name)
    return "–" if value is None else f"{value:.4g}"
