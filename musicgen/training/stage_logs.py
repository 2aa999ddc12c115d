"""The logs of one stage of a run: event files by their suffix, rows of the table by their stage."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger, TensorBoardLogger

from musicgen.files.atomic import write_atomically
from musicgen.training.curve_table import CurveTable


def event_files(folder: Path, stage: str) -> list[Path]:
    """List TensorBoard's event files of a stage in a run folder."""
    return sorted(folder.glob(f"tensorboard/events.out.tfevents.*.{stage}"))


def label_logs(loggers: Sequence[Logger], stage: str) -> None:
    """Have all that is logged from now on belong to a stage; empty for none.

    Args:
        loggers: Those of a run; TensorBoard's begin a file of the stage, the table writes its name.
        stage: Its name.
    """
    for logger in loggers:
        if isinstance(logger, TensorBoardLogger):
            logger.experiment.close()  # it opens another file when something is written
            logger.experiment.filename_suffix = f".{stage}" if stage else ""
        elif isinstance(logger, CurveTable):
            logger.stage = stage


def log_position(loggers: Sequence[Logger], folder: Path, stage: str) -> dict[str, Any]:
    """Measure how far the logs of a stage are on the disk, for its checkpoint.

    Returns:
        `events`: name of an event file to its bytes; `rows`: of the table.
    """
    rows = sum(len(logger.rows(stage)) for logger in loggers if isinstance(logger, CurveTable))
    return {"events": {path.name: path.stat().st_size for path in event_files(folder, stage)}, "rows": rows}


def rewind_logs(
    loggers: Sequence[Logger], folder: Path, stage: str, *, checkpoint: Mapping[str, Any] | None
) -> None:
    """Take back what a stage logged after the checkpoint from which it continues.

    Args:
        loggers: Of the run; TensorBoard's files and the table are mended, services keep what they have.
        folder: The run folder.
        stage: Its name.
        checkpoint: The content of the checkpoint; None takes back all.
    """
    position = {"events": {}, "rows": 0} if checkpoint is None else checkpoint.get("logs")
    if position is None:  # of a version that did not note it
        return
    for path in event_files(folder, stage):
        if path.name in position["events"]:
            write_atomically(
                path, path.read_bytes()[: position["events"][path.name]]
            )  # other runs may link it
        else:
            path.unlink()
    tables = [logger for logger in loggers if isinstance(logger, CurveTable)]
    for table in tables:
        table.rewind(stage, rows=position["rows"])


def log_training_metrics(loggers: Sequence[Logger], checkpoint: Mapping[str, Any]) -> None:
    """Log the training metrics of the epoch that a checkpoint ends: Lightning logs them after saving it."""
    metrics = checkpoint["musicgen"].get("metrics", {})
    training = {name: value for name, value in metrics.items() if "/train/" in name}
    for logger in loggers if training else ():
        logger.log_metrics(training, step=checkpoint["global_step"] - 1)


def replay(paths: Sequence[Path], loggers: Sequence[Logger]) -> None:
    """Log all scalars of TensorBoard's event files once more, in the order of their steps.

    Args:
        paths: Event files of a stage that was trained in another run.
        loggers: CSV, Weights & Biases and the like; none reads nothing.
    """
    if not loggers:
        return
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    points: list[tuple[float, int, str, float]] = []
    for path in paths:
        events = EventAccumulator(str(path), size_guidance={"scalars": 0})
        events.Reload()
        for name in events.Tags()["scalars"]:
            points.extend((event.wall_time, event.step, name, event.value) for event in events.Scalars(name))
    for step, together in groupby(sorted(points), key=lambda point: point[1]):
        metrics = {name: value for _, _, name, value in together}
        for logger in loggers:
            logger.log_metrics(metrics, step=step)
    for logger in loggers:
        logger.save()
