"""The record of a trained stage, beside its checkpoints: what it was trained on, and where."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from musicgen.files.atomic import write_atomically
from musicgen.files.hashing import hash_file
from musicgen.training.stage_logs import event_files

EDITION = 2


@dataclass(frozen=True)
class StageRecord:
    """What is known of a trained stage of a run folder.

    Attributes:
        stage: Its name.
        key: Of its inputs; empty where they changed on the way.
        settings: What was asked for.
        environment: What computed it.
        trained_in: The run folder, where it was when the stage was trained.
        state: `training` until it is `done`.
        seconds: How long it was trained, in the last go.
        cpu_seconds: The same as the first rank's process computed, over all its threads.
        metrics: What it reached on held-out pieces in its last epoch.
        files: The stage's files with their SHA-256, once it is done.
        edition: Of the settings; those of another one are not compared.
    """

    stage: str
    key: str
    settings: Mapping[str, Any]
    environment: Mapping[str, Any]
    trained_in: str
    state: Literal["training", "done"] = "training"
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    metrics: Mapping[str, float] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    edition: int = EDITION

    def write(self, folder: Path) -> None:
        """Write the record into a run folder, whole or not at all."""
        text = json.dumps(asdict(self), indent=2, default=str) + "\n"
        write_atomically(record_path(folder, self.stage), text.encode())

    def is_finished(self, folder: Path) -> bool:
        """Report whether the stage is done and all of its files are there."""
        return self.state == "done" and all((folder / name).is_file() for name in self.files)


def read_record(folder: Path, stage: str) -> StageRecord | None:
    """Read the record of a stage; None if there is none that can be read."""
    try:
        values = json.loads(record_path(folder, stage).read_bytes())
        for old, new in (("figures", "metrics"), ("surroundings", "environment")):  # before version 0.2
            if old in values:
                values[new] = values.pop(old)
        known = {name: values[name] for name in StageRecord.__dataclass_fields__ if name in values}
        return StageRecord(**{"edition": 1, **known})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def read_records(folder: Path) -> list[StageRecord]:
    """Read the records of all stages of a run folder that can be read."""
    names = sorted(path.stem for path in (folder / "checkpoints").glob("*.json"))
    return [record for name in names if (record := read_record(folder, name)) is not None]


def record_path(folder: Path, stage: str) -> Path:
    """Locate the record of a stage."""
    return folder / "checkpoints" / f"{stage}.json"


def last_checkpoint(folder: Path, stage: str) -> Path:
    """Locate the last checkpoint of a stage."""
    return folder / "checkpoints" / f"{stage}-last.ckpt"


def stage_files(folder: Path, stage: str) -> list[str]:
    """List what a stage has left in a run folder so far: checkpoints and event files."""
    names = [f"checkpoints/{stage}.ckpt", f"checkpoints/{stage}-last.ckpt"]
    names += [str(path.relative_to(folder)) for path in event_files(folder, stage)]
    return [name for name in names if (folder / name).is_file()]


def hashed(folder: Path, names: list[str]) -> dict[str, str]:
    """Compute the SHA-256 of files, by name."""
    return {name: hash_file(folder / name) for name in names}
