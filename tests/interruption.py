"""A power cut that a test can order."""

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback


class PowerCut(Callback):
    """Raise in the middle of an epoch of one stage."""

    def __init__(self, stage: str, epoch: int) -> None:
        self.stage, self.epoch = stage, epoch

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *rest: object) -> None:
        if pl_module.stage == self.stage and trainer.current_epoch == self.epoch:
            raise RuntimeError("power cut")
