"""Equal compute for baselines: how much training fits into a budget of CPU-seconds."""

import copy
import logging
import time
from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl

log = logging.getLogger(__name__)
_WARM_UP = 3  # updates that are not timed: they allocate
_TIMED = 12


class EpochTimer(pl.Callback):
    """Time some training updates and one pass over the held-out batches.

    Args:
        clock: Tells the seconds; those of the CPU if not given.
        warm_up: Updates that are not timed.
    """

    def __init__(self, *, clock: Callable[[], float] = time.process_time, warm_up: int = _WARM_UP) -> None:
        self.clock, self.warm_up = clock, warm_up
        self.updates: list[float] = []
        self.validation_s = 0.0
        self._began = 0.0

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Note the time."""
        self.updates.append(self.clock())

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin to time the held-out batches."""
        self._began = self.clock()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take their time."""
        self.validation_s = self.clock() - self._began

    @property
    def update_s(self) -> float:
        """Seconds an update, the first ones left out."""
        skipped = min(self.warm_up, max(len(self.updates) - 2, 0))
        timed = self.updates[skipped:]
        if len(timed) < 2:
            return 0.0
        return (timed[-1] - timed[0]) / (len(timed) - 1)


def training_within(
    cpu_seconds: float,
    *,
    make_trainer: Callable[..., pl.Trainer],
    module: pl.LightningModule,
    data: Any,
    num_updates: int,
    clock: Callable[[], float] = time.process_time,
) -> dict[str, int]:
    """Estimate how many epochs, or updates of one, fit into a time, from a few updates of a copy.

    The number is fixed before training, so that the learning rate schedule ends with it. Real training
    takes about a tenth more or less; the held-out pass at an epoch's end is made whatever it takes.

    Args:
        cpu_seconds: The time, over all threads of this process.
        make_trainer: As for the training.
        module: What will be trained.
        data: Its data module or training loader.
        num_updates: Updates an epoch.
        clock: Tells the seconds.

    Returns:
        Arguments of `pytorch_lightning.Trainer`: `max_epochs`, and where not even one fits
        `limit_train_batches`, at least 1.

    Raises:
        ValueError: `cpu_seconds` is not above 0.
    """
    if not cpu_seconds > 0:
        raise ValueError(f"cpu_seconds={cpu_seconds} is not a time; use more than 0, or null")
    timer = EpochTimer(clock=clock)
    trainer = make_trainer(
        max_epochs=1,
        limit_train_batches=min(_WARM_UP + _TIMED, num_updates),
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        callbacks=[timer],
    )
    trainer.fit(copy.deepcopy(module), data)
    epoch_s = timer.update_s * num_updates + timer.validation_s
    if epoch_s <= cpu_seconds or timer.update_s == 0:
        epochs = max(1, round(cpu_seconds / epoch_s)) if epoch_s > 0 else 1
        log.info("An epoch takes %.1f CPU-seconds; %d fit into %.0f", epoch_s, epochs, cpu_seconds)
        return {"max_epochs": epochs}
    updates = max(1, round((cpu_seconds - timer.validation_s) / timer.update_s))
    log.info("%d of an epoch's %d updates fit into %.0f CPU-seconds", updates, num_updates, cpu_seconds)
    return {"max_epochs": 1, "limit_train_batches": updates}
