"""The record of a trained stage, beside its checkpoints: what it was trained on, and where."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from musicgen.files.atomic import write_atomically
from musicgen.files.hashing import hash_file

EVENTS = "tensorboard/events.out.tfevents.*"


@dataclass(frozen=True)
class StageRecord:
    """What is known of a trained stage of a run folder.

    Attributes:
        stage: Its name.
        key: Of its inputs; empty where they changed on the way.
        settings: What was asked for.
        environment: What computed it.
        trained_in: The run folder, where it was when the stage was trained.
        earlier_events: Event files that were there before the stage began.
        earlier_rows: Rows that the table of curves had before it began.
        state: `training` until it is `done`.
        seconds: How long it was trained, in the last go.
        cpu_seconds: The same as the first rank's process computed, over all its threads.
        metrics: What it reached on held-out pieces in its last epoch.
        files: The stage's files with their SHA-256, once it is done.
    """

    stage: str
    key: str
    settings: Mapping[str, Any]
    environment: Mapping[str, Any]
    trained_in: str
    earlier_events: tuple[str, ...] = ()
    earlier_rows: int = 0
    state: Literal["training", "done"] = "training"
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    metrics: Mapping[str, float] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Write the record into a run folder, whole or not at all."""
        text = json.dumps(asdict(self), indent=2, default=str) + "\n"
        write_atomically(record_path(folder, self.stage), text.encode())

    def is_whole(self, folder: Path) -> bool:
        """Tell whether the stage is done and all of its files are there."""
        return self.state == "done" and all((folder / name).is_file() for name in self.files)


def read_record(folder: Path, stage: str) -> StageRecord | None:
    """Read the record of a stage; None where there is none that can be read."""
    try:
        values = json.loads(record_path(folder, stage).read_bytes())
        for old, new in (("figures", "metrics"), ("surroundings", "environment")):  # before version 0.2
            if old in values:
                values[new] = values.pop(old)
        return StageRecord(**{**values, "earlier_events": tuple(values["earlier_events"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def read_records(folder: Path) -> list[StageRecord]:
    """Read the records of all stages of a run folder that can be read."""
    names = sorted(path.stem for path in (folder / "checkpoints").glob("*.json"))
    return [record for name in names if (record := read_record(folder, name)) is not None]


def record_path(folder: Path, stage: str) -> Path:
    """Tell where the record of a stage lies."""
    return folder / "checkpoints" / f"{stage}.json"


def last_checkpoint(folder: Path, stage: str) -> Path:
    """Tell where the last checkpoint of a stage lies."""
    return folder / "checkpoints" / f"{stage}-last.ckpt"


def event_files(folder: Path) -> tuple[str, ...]:
    """List the event files of a run folder, relative to it."""
    return tuple(sorted(str(path.relative_to(folder)) for path in folder.glob(EVENTS)))


def stage_files(folder: Path, record: StageRecord) -> list[str]:
    """List what a stage has left in a run folder so far: checkpoints, and event files since it began."""
    checkpoints = [f"checkpoints/{record.stage}.ckpt", f"checkpoints/{record.stage}-last.ckpt"]
    events = [name for name in event_files(folder) if name not in record.earlier_events]
    return [name for name in (*checkpoints, *events) if (folder / name).is_file()]


def hashed(folder: Path, names: list[str]) -> dict[str, str]:
    """Give files with their SHA-256."""
    return {name: hash_file(folder / name) for name in names}
