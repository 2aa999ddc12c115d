"""TensorBoard's event files of a run folder."""

from pathlib import Path


def event_files(folder: Path, stage: str) -> list[Path]:
    """List the event files of a stage in a run folder: their names end with the stage's."""
    return sorted(folder.glob(f"tensorboard/events.out.tfevents.*.{stage}"))
