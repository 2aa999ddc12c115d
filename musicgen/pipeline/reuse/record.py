"""The record of a trained stage: inputs, origin, duration and files."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from musicgen.files.atomic import write_atomically
from musicgen.files.hashing import hash_file
from musicgen.files.run_folders import event_files

EDITION = 2


@dataclass(frozen=True)
class StageRecord:
    """Record of a trained stage of a run folder.

    Attributes:
        stage: Name of the stage.
        key: Key of its inputs; empty if they changed during training.
        settings: Settings part of its inputs.
        environment: Environment part of its inputs.
        trained_in: Run folder in which the stage was trained.
        state: `training` or `done`.
        seconds: Training time since the last resume, in seconds.
        cpu_seconds: CPU time of rank 0 since the last resume, over all threads.
        metrics: Held-out metrics of the last epoch.
        files: Files of the stage with their SHA-256; empty until it is done.
        edition: Version of the settings; other versions are not compared.
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
        """Write the record to a run folder atomically."""
        text = json.dumps(asdict(self), indent=2, default=str) + "\n"
        write_atomically(record_path(folder, self.stage), text.encode())

    def is_finished(self, folder: Path) -> bool:
        """Check whether the stage is done and all of its files exist."""
        return self.state == "done" and all((folder / name).is_file() for name in self.files)


def read_record(folder: Path, stage: str) -> StageRecord | None:
    """Read the record of a stage; None if missing or unreadable."""
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
    """Read all readable records of a run folder."""
    names = sorted(path.stem for path in (folder / "checkpoints").glob("*.json"))
    return [record for name in names if (record := read_record(folder, name)) is not None]


def record_path(folder: Path, stage: str) -> Path:
    """Locate the record of a stage."""
    return folder / "checkpoints" / f"{stage}.json"


def best_checkpoint(folder: Path, stage: str) -> Path:
    """Locate the checkpoint of a trained stage that a run uses."""
    return folder / "checkpoints" / f"{stage}.ckpt"


def last_checkpoint(folder: Path, stage: str) -> Path:
    """Locate the last checkpoint of a stage."""
    return folder / "checkpoints" / f"{stage}-last.ckpt"


def stage_files(folder: Path, stage: str) -> list[str]:
    """List the checkpoints and event files of a stage in a run folder."""
    names = [f"checkpoints/{stage}.ckpt", f"checkpoints/{stage}-last.ckpt"]
    names += [str(path.relative_to(folder)) for path in event_files(folder, stage)]
    return [name for name in names if (folder / name).is_file()]


def hashed(folder: Path, names: list[str]) -> dict[str, str]:
    """Compute the SHA-256 of files, by name."""
    return {name: hash_file(folder / name) for name in names}
