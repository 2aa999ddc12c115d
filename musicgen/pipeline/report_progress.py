"""Tell the status of a run, while Lightning trains, how far it is."""

import time
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import TensorBoardLogger

from musicgen.pipeline.status import StatusFile
from musicgen.training.curve_table import CurveTable


class ReportProgress(Callback):
    """Write epoch, metrics and time left into the status of a run, at most once in a while.

    Curves are brought to the disk as often, and before each checkpoint, so that a killed run loses none that
    its last checkpoint knows.

    Args:
        status: Where to write.
        every_s: At most so often, in seconds; the end of an epoch is always written.
    """

    def __init__(self, status: StatusFile, *, every_s: float = 2.0) -> None:
        self.status = status
        self.every_s = every_s

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin to measure the speed."""
        self._began, self._first_step, self._written = time.monotonic(), trainer.global_step, 0.0
        self._report(trainer)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Write if it is time to."""
        if time.monotonic() - self._written > self.every_s:
            self._report(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Bring the curves to the disk before the checkpoint: Lightning writes it after other callbacks."""
        _save_curves(trainer)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write what the epoch before has reached."""
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
