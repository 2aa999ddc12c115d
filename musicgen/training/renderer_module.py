"""Lightning module of the renderer."""

from collections.abc import Mapping

import pytorch_lightning as pl
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional
from torchmetrics import MeanMetric

from musicgen.data.batches.notes import NoteBatch
from musicgen.models.renderer.network import Renderer
from musicgen.music.expression.attributes import ATTRIBUTES
from musicgen.training.optim import OptimizerFactory, SchedulerFactory, learning_rate, parameter_groups
from musicgen.training.trainer import is_written, num_val_samples, sample_numbers


class RendererModule(pl.LightningModule):
    """Train a renderer to predict how each note is played, given how those before it were.

    Args:
        renderer: The network.
        optimizer: Makes the optimizer from parameter groups.
        scheduler: Makes the schedule from the optimizer and `total_steps`; stepped once per update.
    """

    stage = "renderer"
    baselines: Mapping[str, float] = {}  # how often each class occurs, drawn as lines

    def __init__(
        self, renderer: Renderer, *, optimizer: OptimizerFactory, scheduler: SchedulerFactory
    ) -> None:
        super().__init__()
        self.renderer, self.optimizer, self.scheduler = renderer, optimizer, scheduler
        self.val_nats = torch.nn.ModuleDict({name: MeanMetric() for name in ATTRIBUTES})

    def training_step(self, batch: NoteBatch, batch_idx: int) -> Tensor:
        """Predict the notes of a batch of windows; return the sum over attributes of the mean nats."""
        loss = torch.stack([nats for nats, _ in self._step(batch)]).sum()
        self.log(
            f"{self.stage}/train/nats_per_note",
            loss,
            on_step=False,
            on_epoch=True,
            sync_dist=True,
            batch_size=len(batch.features),
        )
        if is_written(self.trainer):
            self.log(f"{self.stage}/step/nats_per_note", loss)
            self.log(f"{self.stage}/lr", learning_rate(self.trainer))
        return loss

    def validation_step(self, batch: NoteBatch, batch_idx: int) -> None:
        """Add up the nats of a batch of held-out windows, without those that pad the ranks."""
        numbers = sample_numbers(self.trainer, batch_idx=batch_idx, count=len(batch.features))
        once = (numbers < num_val_samples(self.trainer)).to(batch.mask.device)
        steps = self._step(batch._replace(mask=batch.mask & once[:, None, None]))
        for metric, (nats, count) in zip(self.val_nats.values(), steps, strict=True):
            if count:
                metric.update(nats, weight=count)  # pyright: ignore[reportCallIssue]

    def on_validation_epoch_end(self) -> None:
        """Log the nats of each attribute over the whole held-out set, and their sum."""
        nats = {name: float(metric.compute()) for name, metric in self.val_nats.items()}  # pyright: ignore[reportCallIssue]
        for metric in self.val_nats.values():
            metric.reset()  # pyright: ignore[reportCallIssue]
        self.log_dict({f"{self.stage}/val/{name}_nats": value for name, value in nats.items()})
        self.log(f"{self.stage}/val/nats_per_note", sum(nats.values()))
        self.log(f"{self.stage}/epoch", float(self.current_epoch + 1))

    def configure_optimizers(self) -> dict[str, object]:
        """Build the optimizer and its schedule."""
        optimizer = self.optimizer(parameter_groups(self.renderer))
        schedule = self.scheduler(optimizer, total_steps=int(self.trainer.estimated_stepping_batches))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _step(self, batch: NoteBatch) -> list[tuple[Float[Tensor, ""], int]]:
        """Return mean nats and number of predictions of each attribute."""
        logits = self.renderer(batch.features, batch.before, batch.classes, labels=batch.labels)
        steps = []
        for number, scores in enumerate(logits):
            mask = batch.mask[..., number]
            nats = functional.cross_entropy(scores[mask], batch.classes[..., number][mask], reduction="sum")
            count = int(mask.sum())
            steps.append((nats / max(count, 1), count))
        return steps
