"""Lightning module of the renderer."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional
from torchmetrics import MeanMetric

from musicgen.data.batches.notes import NoteBatch
from musicgen.models.renderer.network import Renderer
from musicgen.music.expression.attributes import ATTRIBUTES
from musicgen.training.modules.network_module import NetworkModule
from musicgen.training.optim import OptimizerFactory, SchedulerFactory


class RendererModule(NetworkModule):
    """Train a renderer to predict how each note is played, given how those before it were.

    Args:
        renderer: The network.
        optimizer: Makes the optimizer from parameter groups.
        scheduler: Makes the schedule from the optimizer and `total_steps`; stepped once per update.
    """

    stage = "renderer"

    def __init__(
        self, renderer: Renderer, *, optimizer: OptimizerFactory, scheduler: SchedulerFactory
    ) -> None:
        super().__init__("renderer", optimizer=optimizer, scheduler=scheduler)
        self.renderer = renderer
        self.val_nats = torch.nn.ModuleDict({name: MeanMetric() for name in ATTRIBUTES})

    def training_step(self, batch: NoteBatch, batch_idx: int) -> Tensor:
        """Predict the notes of a batch of windows; return the sum over attributes of the mean nats."""
        loss = torch.stack([nats for nats, _ in self._step(batch)]).sum()
        self.log_loss(f"{self.stage}/nats_per_note", loss, batch_size=len(batch.features))
        return loss

    def validation_step(self, batch: NoteBatch, batch_idx: int) -> None:
        """Add up the nats of a batch of held-out windows, without those that pad the ranks."""
        steps = self._step(batch._replace(mask=self.without_padding(batch.mask, batch_idx=batch_idx)))
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
