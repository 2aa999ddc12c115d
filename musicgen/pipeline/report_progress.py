"""Callback that writes training progress to the status file of a run."""

import time
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import TensorBoardLogger

from musicgen.pipeline.status import StatusFile
from musicgen.training.curve_table import CurveTable


class ReportProgress(Callback):
    """Write epoch, metrics and time left to the status of a run at intervals.

    Curves are flushed at the same time and before each checkpoint, so that a killed run keeps all points
    up to its last checkpoint.

    Args:
        status: The status file.
        every_s: Least interval in seconds; epoch ends are always written.
    """

    def __init__(self, status: StatusFile, *, every_s: float = 2.0) -> None:
        self.status = status
        self.every_s = every_s

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start to measure the speed."""
        self._began, self._first_step, self._written = time.monotonic(), trainer.global_step, 0.0
        self._report(trainer)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Write if the interval has passed."""
        if time.monotonic() - self._written > self.every_s:
            self._report(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Flush the curves before Lightning writes the checkpoint, which it does after other callbacks."""
        _save_curves(trainer)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the metrics of the previous epoch."""
        if trainer.global_step > self._first_step:
            self._report(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the last metrics."""
        self._report(trainer)

    def _report(self, trainer: pl.Trainer) -> None:
        self._written = time.monotonic()
        done, total = trainer.global_step, trainer.estimated_stepping_batches
        here = done - self._first_step
        speed = here / (self._written - self._began) if here else 0.0
        metrics = {
            name: float(value) for name, value in trainer.callback_metrics.items() if "/val/" in f"/{name}"
        }
        self.status.update(
            epoch=done * (trainer.max_epochs or 0) // max(1, int(total)),
            max_epochs=trainer.max_epochs or 0,
            seconds_left=(total - done) / speed if speed else None,
            metrics={**self.status.status.metrics, **metrics},
        )
        _save_curves(trainer)


def _save_curves(trainer: pl.Trainer) -> None:
    for logger in trainer.loggers if trainer.is_global_zero else ():
        if isinstance(logger, TensorBoardLogger):
            logger.experiment.flush()
        elif isinstance(logger, CurveTable):
            logger.save()
