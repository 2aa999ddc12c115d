"""Lightning module of the composer and era classifier."""

import pytorch_lightning as pl
from torch import Tensor
from torch.nn import functional
from torchmetrics import MeanMetric

from musicgen.data.batches.clips import ClipBatch
from musicgen.models.style import StyleClassifier, StyleOutput
from musicgen.training.optim import OptimizerFactory, SchedulerFactory, parameter_groups


class StyleModule(pl.LightningModule):
    """Train a classifier on composer and era jointly, with label smoothing.

    Args:
        classifier: The network.
        optimizer: Makes the optimizer from parameter groups.
        scheduler: Makes the schedule from the optimizer and `total_steps`; stepped once per update.
        label_smoothing: Probability mass spread over all classes, 0 to below 1.
        era_weight: Weight of the era's loss; the composer's is 1.
    """

    stage = "style"

    def __init__(
        self,
        classifier: StyleClassifier,
        *,
        optimizer: OptimizerFactory,
        scheduler: SchedulerFactory,
        label_smoothing: float = 0.1,
        era_weight: float = 0.5,
    ) -> None:
        super().__init__()
        self.classifier = classifier
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.label_smoothing = label_smoothing
        self.era_weight = era_weight
        self.right_composer, self.right_era = MeanMetric(), MeanMetric()
        self.val_loss = MeanMetric()

    def training_step(self, batch: ClipBatch, batch_idx: int) -> Tensor:
        """Return the loss of a batch of clips."""
        output = self.classifier(batch.counts)
        loss = self._loss(output, batch)
        self.log("style/train/loss", loss, on_step=False, on_epoch=True, sync_dist=True)
        return loss

    def validation_step(self, batch: ClipBatch, batch_idx: int) -> None:
        """Log the accuracy on a batch of held-out clips."""
        output = self.classifier(batch.counts)
        self.val_loss.update(self._loss(output, batch))
        self.right_composer.update((output.composer_logits.argmax(dim=1) == batch.composer).float())
        self.right_era.update((output.era_logits.argmax(dim=1) == batch.era).float())
        names = {
            "style/val/loss": self.val_loss,
            "style/val/clip_accuracy": self.right_composer,
            "style/val/era_clip_accuracy": self.right_era,
        }
        self.log_dict(names, on_step=False, on_epoch=True)

    def configure_optimizers(self) -> dict[str, object]:
        """Make the optimizer and its schedule over all updates of the training."""
        optimizer = self.optimizer(parameter_groups(self.classifier))
        schedule = self.scheduler(optimizer, total_steps=int(self.trainer.estimated_stepping_batches))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _loss(self, output: StyleOutput, batch: ClipBatch) -> Tensor:
        composer, era = (
            functional.cross_entropy(logits.float(), target, label_smoothing=self.label_smoothing)
            for logits, target in (
                (output.composer_logits, batch.composer),
                (output.era_logits, batch.era),
            )
        )
        return composer + self.era_weight * era
