"""The status file of a run: state, stage, progress and metrics."""

import contextlib
import json
import logging
import os
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from musicgen.files.atomic import write_atomically
from musicgen.files.locks import is_held, lock

STATUS_FILE = "status.json"
LOCK_FILE = ".lock"
State = Literal["running", "waiting", "done", "failed", "pruned", "interrupted"]
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Status:
    """Status of a run.

    Attributes:
        state: `running`, `waiting` (for another run that trains the same), `done`, `failed`, `pruned`
            (by a search), `interrupted`.
        stage: Current stage, at first `prepare`.
        title: Title of the current stage.
        stages: Stages of this run, in order.
        epoch: Finished epochs of the stage; 0 if it has no epochs.
        max_epochs: Number of epochs of the stage.
        metrics: The latest metrics, by the names of `metrics.json`.
        seconds_left: Estimated time left of the stage; None if unknown.
        started: Time of the last start, in seconds since 1970.
        updated: Time of the last update, in seconds since 1970.
        host: Host name.
        pid: Process id.
        taken: Reused stages, and the run folders that trained them.
        seconds: Duration of each finished stage.
        reason: Why it failed or was pruned, in one line.
    """

    state: State = "running"
    stage: str = "prepare"
    title: str = ""
    stages: tuple[str, ...] = ()
    epoch: int = 0
    max_epochs: int = 0
    metrics: dict[str, float] = field(default_factory=dict)
    seconds_left: float | None = None
    started: float = 0.0
    updated: float = 0.0
    host: str = ""
    pid: int = 0
    taken: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    reason: str = ""


class StatusFile:
    """Write the status of a run as it changes.

    Args:
        folder: The run folder; None writes nothing, as on all ranks but the first.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.before = before = read_status(folder) if folder else None
        kept: dict[str, Any] = {}
        if before:
            kept = {"metrics": before.metrics, "taken": before.taken, "seconds": before.seconds}
        self.status = Status(started=time.time(), host=socket.gethostname(), pid=os.getpid(), **kept)

    def update(self, **changes: Any) -> None:
        """Update values and write the file; errors are logged and ignored."""
        self.status = replace(self.status, **changes, updated=time.time())
        if self.folder is None:
            return
        try:
            write_atomically(self.folder / STATUS_FILE, (json.dumps(asdict(self.status)) + "\n").encode())
        except OSError as error:
            log.warning("the status of the run cannot be written: %s", error)

    def add_metrics(self, metrics: Mapping[str, float]) -> None:
        """Add or update metrics."""
        self.update(metrics={**self.status.metrics, **metrics})

    def finish_stage(self, stage: str, *, seconds: float) -> None:
        """Record that a stage is finished, and its duration."""
        self.update(seconds={**self.status.seconds, stage: round(seconds, 3)}, seconds_left=None)


@contextlib.contextmanager
def running(
    folder: Path, *, is_first_rank: bool = True, gives_up: tuple[type[Exception], ...] = ()
) -> Iterator[StatusFile]:
    """Lock a run folder while the block runs, and record in its status how it ended.

    Waits for another process in the folder, such as a job that outlived its killed sweep.

    Args:
        folder: The run folder.
        is_first_rank: Only rank 0 locks and writes.
        gives_up: Exceptions that mark the run as pruned, not failed.
    """
    if not is_first_rank:
        yield StatusFile(None)
        return

    def log_wait() -> None:
        log.info("Another process is running in %s; waiting for it to end", folder)

    with lock(folder / LOCK_FILE, on_wait=log_wait):
        status = StatusFile(folder)
        status.update(state="running")
        try:
            yield status
        except gives_up as reason:
            status.update(state="pruned", reason=str(reason)[:400])
            raise
        except Exception as error:
            status.update(state="failed", reason=f"{type(error).__name__}: {error}"[:400])
            raise
        except BaseException:
            status.update(state="interrupted")
            raise
        status.update(state="done", seconds_left=None)


def read_status(folder: Path) -> Status | None:
    """Read the status of a run folder; None if missing or unreadable."""
    try:
        values = json.loads((folder / STATUS_FILE).read_bytes())
        values.setdefault("metrics", values.get("figures", {}))  # the name before version 0.2
        values["stages"] = tuple(values.get("stages", ()))
        return Status(**{name: values[name] for name in Status.__dataclass_fields__ if name in values})
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def is_alive(folder: Path) -> bool:
    """Check whether a process is running in a run folder."""
    return is_held(folder / LOCK_FILE)
