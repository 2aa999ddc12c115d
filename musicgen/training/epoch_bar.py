"""What the screen shows of a stage that trains: a line per epoch, and on a terminal how far it is."""

import os
import sys
import time
from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ProgressBar

from musicgen.measure.headlines import Headline, headlines

WIDTH = 80  # columns of a terminal that does not say
_DRAW_EVERY_S = 0.2
_CLEAR = "\r\x1b[K"


class StageBar(ProgressBar):
    """Print a line per epoch that shows learning: held-out metrics, the trivial ones beside, the time left.

    `VQ-VAE 3/5  BCE .029 (trivial .128)  perplexity 14.1  onset F1 .87  1:40 left`. On a terminal the
    line of the epoch at work stands below and is drawn over; in a pipe or a file there are only whole lines.
    """

    def __init__(self) -> None:
        super().__init__()
        self._is_enabled = True
        self._metrics: dict[str, float] = {}

    def enable(self) -> None:
        """Show lines."""
        self._is_enabled = True

    def disable(self) -> None:
        """Show nothing: another rank does."""
        self._is_enabled = False

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin to measure the speed."""
        self._began, self._first_step, self._drawn = time.monotonic(), trainer.global_step, 0.0

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """On a terminal, draw how far the epoch is."""
        now = time.monotonic()
        if not self._is_enabled or not sys.stderr.isatty() or now - self._drawn < _DRAW_EVERY_S:
            return
        self._drawn = now
        share = (batch_idx + 1) / max(1, trainer.num_training_batches)
        head = f"{_head(trainer, pl_module)}  {share:.0%}"
        sys.stderr.write(_CLEAR + epoch_line(head, (), self._left(trainer), width=_columns() - 1))
        sys.stderr.flush()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Note the held-out metrics, on every rank: reading them may be work for all."""
        if trainer.sanity_checking:
            return
        names = (f"{getattr(pl_module, 'stage', '')}/val/", "val/")
        self._metrics = {
            name: float(value) for name, value in trainer.callback_metrics.items() if name.startswith(names)
        }

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Print the line of the epoch."""
        metrics, self._metrics = self._metrics, {}
        if not self._is_enabled:
            return
        is_terminal = sys.stderr.isatty()
        found = headlines(metrics, getattr(pl_module, "baselines", {}))
        is_last = trainer.current_epoch + 1 == trainer.max_epochs
        end = f"took {clock(time.monotonic() - self._began)}" if is_last else self._left(trainer)
        width = _columns() if is_terminal else None
        line = epoch_line(_head(trainer, pl_module), found, end, width=width)
        sys.stderr.write(f"{_CLEAR if is_terminal else ''}{line}\n")
        sys.stderr.flush()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Leave the line of the epoch at work, so that the message begins on its own."""
        if self._is_enabled and sys.stderr.isatty():
            sys.stderr.write("\n")

    def _left(self, trainer: pl.Trainer) -> str:
        done, total = trainer.global_step, trainer.estimated_stepping_batches
        here = done - self._first_step
        return f"{clock((total - done) * (time.monotonic() - self._began) / here)} left" if here else ""


def epoch_line(head: str, found: Sequence[Headline], end: str, *, width: int | None) -> str:
    """Join what is known of an epoch, the last metrics left out where a line would not fit.

    Args:
        head: Stage and epoch.
        found: Metrics, the most important first.
        end: The time left.
        width: Columns; None for as many as there are.
    """
    texts = [one.text for one in found]
    while True:
        line = "  ".join(filter(None, [head, *texts, end]))
        if width is None or len(line) <= width:
            return line
        if not texts:
            return line[:width]
        texts.pop()


def clock(seconds: float) -> str:
    """Write a duration as `1:40` or `2:05:00`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _head(trainer: pl.Trainer, pl_module: pl.LightningModule) -> str:
    title = getattr(pl_module, "title", "Training")
    return f"{title} {trainer.current_epoch + 1}/{trainer.max_epochs}"


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or WIDTH
    except (OSError, ValueError):
        return WIDTH
