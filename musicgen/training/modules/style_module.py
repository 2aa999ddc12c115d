"""Lightning module of the composer and era classifier."""

from torch import Tensor
from torch.nn import functional
from torchmetrics import MeanMetric

from musicgen.data.batches.clips import ClipBatch
from musicgen.models.style import StyleClassifier, StyleOutput
from musicgen.training.modules.network_module import NetworkModule
from musicgen.training.optim import OptimizerFactory, SchedulerFactory


class StyleModule(NetworkModule):
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
        super().__init__("classifier", optimizer=optimizer, scheduler=scheduler)
        self.classifier = classifier
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

    def _loss(self, output: StyleOutput, batch: ClipBatch) -> Tensor:
        composer, era = (
            functional.cross_entropy(logits.float(), target, label_smoothing=self.label_smoothing)
            for logits, target in (
                (output.composer_logits, batch.composer),
                (output.era_logits, batch.era),
            )
        )
        return composer + self.era_weight * era
