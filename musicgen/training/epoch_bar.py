"""The progress bar of a stage."""

import pytorch_lightning as pl
from pytorch_lightning.callbacks import RichProgressBar


class StageBar(RichProgressBar):
    """Say which network is trained and which epoch of how many it is in."""

    def _get_train_description(self, current_epoch: int) -> str:
        """Name the stage and the epoch, counted from 1."""
        title = getattr(self.trainer.lightning_module, "title", "Training")
        return f"{title} epoch {current_epoch + 1}/{self.trainer.max_epochs}"

    def get_metrics(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule
    ) -> dict[str, int | str | float | dict[str, float]]:
        """Show no metrics: the bar is the first rank's, and reducing them there alone would wait forever."""
        return {}
