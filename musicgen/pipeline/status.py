"""How far a run is: a small file in its folder, written whole, read by whoever watches."""

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
    """How far a run is.

    Attributes:
        state: `running`, `waiting` (for another run that trains the same), `done`, `failed`, `pruned` (given
            up by a search), `interrupted`.
        stage: What it is at, `prepare` first.
        title: The stage's name for people.
        stages: Those of this run, in their order.
        epoch: Finished epochs of the stage; 0 where it has none.
        max_epochs: How many it will have.
        metrics: The latest metrics, by the names of `metrics.json`.
        seconds_left: Of the stage, as its speed so far says; None before that is known.
        started: When the run was started last, seconds since 1970.
        updated: When this was written.
        host: The machine.
        pid: The process.
        taken: Stages that were not trained here, and where they were.
        seconds: How long each finished stage took.
        reason: Of a failure, or why it was given up, in one line.
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
        """Change some values and write the file; a disk that is full for it stops no run."""
        self.status = replace(self.status, **changes, updated=time.time())
        if self.folder is None:
            return
        try:
            write_atomically(self.folder / STATUS_FILE, (json.dumps(asdict(self.status)) + "\n").encode())
        except OSError as error:
            log.warning("the status of the run cannot be written: %s", error)

    def add_metrics(self, metrics: Mapping[str, float]) -> None:
        """Add metrics to those that are known, or renew them."""
        self.update(metrics={**self.status.metrics, **metrics})

    def finish_stage(self, stage: str, *, seconds: float) -> None:
        """Note that a stage is finished, and how long it took."""
        self.update(seconds={**self.status.seconds, stage: round(seconds, 3)}, seconds_left=None)


@contextlib.contextmanager
def running(
    folder: Path, *, is_first_rank: bool = True, gives_up: tuple[type[Exception], ...] = ()
) -> Iterator[StatusFile]:
    """Own a run folder while the block runs, and leave in its status how it ended.

    Waits for a process that is still at work there: after a killed sweep its last jobs may be.

    Args:
        folder: The run folder.
        is_first_rank: Of several processes of one run, the first owns and writes.
        gives_up: Exceptions that are no failure: someone saw that the run has no hope.
    """
    if not is_first_rank:
        yield StatusFile(None)
        return

    def say() -> None:
        log.info("Another process is at work in %s; waiting for its end", folder)

    with lock(folder / LOCK_FILE, on_wait=say):
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
    """Read the status of a run folder; None where there is none that can be read."""
    try:
        values = json.loads((folder / STATUS_FILE).read_bytes())
        values.setdefault("metrics", values.get("figures", {}))  # the name before version 0.2
        values["stages"] = tuple(values.get("stages", ()))
        return Status(**{name: values[name] for name in Status.__dataclass_fields__ if name in values})
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def is_alive(folder: Path) -> bool:
    """Tell whether a process is at work in a run folder."""
    return is_held(folder / LOCK_FILE)
