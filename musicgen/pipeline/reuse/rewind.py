"""Bring the logs of an interrupted stage to where its last checkpoint is: nothing twice, nothing lost."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger, TensorBoardLogger

from musicgen.checkpoint import read_checkpoint
from musicgen.files.atomic import write_atomically
from musicgen.pipeline.reuse.record import EVENTS, StageRecord, stage_files
from musicgen.pipeline.reuse.replay import replay
from musicgen.training.curve_table import CurveTable

LAYOUT = "custom_scalars__config__"  # TensorBoard's name for its charts


@dataclass(frozen=True)
class Reached:
    """How far the last checkpoint of a stage is.

    Attributes:
        step: Updates so far.
        metrics: Those of its last epoch.
    """

    step: int = 0
    metrics: dict[str, float] = field(default_factory=dict)


def reached(checkpoint: Path | None) -> Reached:
    """Read how far a checkpoint is; without one, nothing is reached."""
    if checkpoint is None:
        return Reached()
    content = read_checkpoint(checkpoint)
    return Reached(content["global_step"], content.get("musicgen", {}).get("metrics", {}))


def rewind(
    folder: Path, record: StageRecord, loggers: Sequence[Logger], *, to: Reached, adopted: bool = False
) -> None:
    """Take back what was logged after the checkpoint that a stage goes on from.

    What the checkpoint knows and a kill kept from the disk, which can only be the training metrics of its
    last epoch, is logged again.

    Args:
        folder: The run folder.
        record: Of the stage.
        loggers: Of the run; TensorBoard's files and the table are mended, services keep what they have.
        to: Where the checkpoint is.
        adopted: The stage comes from another run: loggers that have files of their own get its curves.
    """
    events = [folder / name for name in stage_files(folder, record) if Path(name).match(EVENTS)]
    for path in events:
        rewind_events(path, step=to.step)
    tables = [logger for logger in loggers if isinstance(logger, CurveTable)]
    for table in tables:
        table.rewind(after=record.earlier_rows, step=to.step)
    if adopted:
        replay(events, [logger for logger in loggers if not isinstance(logger, TensorBoardLogger)])
    training = {name: value for name, value in to.metrics.items() if "/train/" in name}
    for logger in loggers:
        if isinstance(logger, TensorBoardLogger):
            known = {tag for path in events for tag, step in _scalars(path) if step == to.step - 1}
        elif isinstance(logger, CurveTable):
            rows = logger.rows()[record.earlier_rows :]
            known = {name for row in rows if int(row["step"]) == to.step - 1 for name in row if row[name]}
        else:
            continue
        lost = {name: value for name, value in training.items() if name not in known}
        if lost:
            logger.log_metrics(lost, step=to.step - 1)


def rewind_events(path: Path, *, step: int) -> None:
    """Leave out of one of TensorBoard's event files what was logged at a step and above.

    A record at its end that a kill cut off goes, too. The charts of custom scalars stay.
    """
    from tensorboard.summary.writer.record_writer import RecordWriter

    kept = io.BytesIO()
    writer = RecordWriter(kept)
    for event in _events(path):
        tags = {value.tag for value in event.summary.value}
        if not tags or tags == {LAYOUT} or event.step < step:
            writer.write(event.SerializeToString())
    write_atomically(path, kept.getvalue())


def _scalars(path: Path) -> Iterator[tuple[str, int]]:
    for event in _events(path):
        yield from ((value.tag, event.step) for value in event.summary.value)


def _events(path: Path) -> Iterator[Any]:
    from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

    yield from LegacyEventFileLoader(str(path)).Load()
