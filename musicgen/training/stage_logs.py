"""Logs per stage of a run: event files by suffix, table rows by the stage column."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger, TensorBoardLogger

from musicgen.files.atomic import write_atomically
from musicgen.files.run_folders import event_files
from musicgen.measure.spec import FIRST
from musicgen.training.curve_table import CurveTable


def label_logs(loggers: Sequence[Logger], stage: str) -> None:
    """Assign subsequent log entries to a stage; empty for none.

    Args:
        loggers: Loggers of a run; TensorBoard starts a new file, the table writes the stage's name.
        stage: Name of the stage.
    """
    for logger in loggers:
        if isinstance(logger, TensorBoardLogger):
            logger.experiment.close()  # reopens with a new file on the next write
            logger.experiment.filename_suffix = f".{stage}" if stage else ""
        elif isinstance(logger, CurveTable):
            logger.stage = stage


def log_position(loggers: Sequence[Logger], folder: Path, stage: str) -> dict[str, Any]:
    """Return the current positions in the logs of a stage, for its checkpoint.

    Returns:
        `events`: event file name to its size in bytes; `rows`: number of table rows.
    """
    rows = sum(len(logger.rows(stage)) for logger in loggers if isinstance(logger, CurveTable))
    return {"events": {path.name: path.stat().st_size for path in event_files(folder, stage)}, "rows": rows}


def rewind_logs(
    loggers: Sequence[Logger], folder: Path, stage: str, *, checkpoint: Mapping[str, Any] | None
) -> None:
    """Remove log entries of a stage after the checkpoint from which it resumes.

    Args:
        loggers: Loggers of the run; TensorBoard files and the table are truncated, remote services are not.
        folder: The run folder.
        stage: Name of the stage.
        checkpoint: Content of the checkpoint; None to remove all entries.
    """
    position = {"events": {}, "rows": 0} if checkpoint is None else checkpoint.get("logs")
    if position is None:  # checkpoint of an earlier version
        return
    for path in event_files(folder, stage):
        if path.name in position["events"]:
            write_atomically(
                path, path.read_bytes()[: position["events"][path.name]]
            )  # a copy, as other runs may link it
        else:
            path.unlink()
    tables = [logger for logger in loggers if isinstance(logger, CurveTable)]
    for table in tables:
        table.rewind(stage, rows=position["rows"])


def log_training_metrics(loggers: Sequence[Logger], checkpoint: Mapping[str, Any]) -> None:
    """Log the training metrics of a checkpoint's epoch, which Lightning logs only after saving."""
    metrics = checkpoint["musicgen"].get("metrics", {})
    training = {name: value for name, value in metrics.items() if "/train/" in name}
    for logger in loggers if training else ():
        logger.log_metrics(training, step=checkpoint["global_step"] - 1)


def replay(paths: Sequence[Path], loggers: Sequence[Logger]) -> None:
    """Log all scalars of TensorBoard event files again, in order of their steps.

    Args:
        paths: Event files of a stage that was trained in another run.
        loggers: Receiving loggers, such as CSV; if empty, nothing is read.
    """
    if not loggers:
        return
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    points: list[tuple[float, int, str, float]] = []
    for path in paths:
        events = EventAccumulator(str(path), size_guidance={"scalars": 0})
        events.Reload()
        for name in events.Tags()["scalars"]:
            if name.startswith(FIRST):  # a copy of another scalar
                continue
            points.extend((event.wall_time, event.step, name, event.value) for event in events.Scalars(name))
    for step, together in groupby(sorted(points), key=lambda point: point[1]):
        metrics = {name: value for _, _, name, value in together}
        for logger in loggers:
            logger.log_metrics(metrics, step=step)
    for logger in loggers:
        logger.save()
