"""Lightning module of the autoencoder of bars."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional
from torchmetrics import CatMetric, MeanMetric

from musicgen.data.batches.codes import CodeBatch
from musicgen.models.bar_autoencoder import BarAutoencoder, BarOutput
from musicgen.training.fsdp import shard_over_ranks
from musicgen.training.modules.network_module import NetworkModule
from musicgen.training.optim import OptimizerFactory, SchedulerFactory


class BarModule(NetworkModule):
    """Train an autoencoder of bars to guess the fine codes of a bar from its coarse ones.

    Args:
        bars: The network.
        optimizer: Makes the optimizer from parameter groups.
        scheduler: Makes the schedule from the optimizer and `total_steps`; stepped once per update.
    """

    stage = "bars"

    def __init__(
        self, bars: BarAutoencoder, *, optimizer: OptimizerFactory, scheduler: SchedulerFactory
    ) -> None:
        super().__init__("bars", optimizer=optimizer, scheduler=scheduler)
        self.bars = bars
        self.val_nats, self.val_codes = MeanMetric(), CatMetric()

    def configure_model(self) -> None:
        """Shard the weights if the strategy does so."""
        shard_over_ranks(self.bars, self.device_mesh)

    def training_step(self, batch: CodeBatch, batch_idx: int) -> Tensor:
        """Guess the codes of a batch of bars; return the mean loss in nats per fine code."""
        nats, output = self._step(batch, batch.mask)
        self.log_loss("bars/nats_per_code", nats, batch_size=len(batch.inputs))
        return nats + output.loss

    def validation_step(self, batch: CodeBatch, batch_idx: int) -> None:
        """Add up the loss of held-out bars that are whole, without those that pad the ranks."""
        counts = self.without_padding(batch.mask, batch_idx=batch_idx)
        nats, output = self._step(batch, counts)
        whole = counts.all(dim=1)
        if whole.any():
            self.val_nats.update(nats, weight=whole.sum())
            self.val_codes.update(output.codes[whole].flatten())

    def on_validation_epoch_end(self) -> None:
        """Log nats per fine code and the coarse codes in use over the whole held-out set."""
        nats, codes = self.val_nats.compute(), torch.as_tensor(self.val_codes.compute())
        self.val_nats.reset()
        self.val_codes.reset()
        self.log("bars/val/nats_per_code", nats)
        self.log("bars/val/codes_used", float(len(codes.unique())))
        self.log("bars/epoch", float(self.current_epoch + 1))

    def _step(
        self, batch: CodeBatch, counts: Bool[Tensor, "batch positions"]
    ) -> tuple[Float[Tensor, ""], BarOutput]:
        """Return the mean nats of the bars that count as a whole, 0 for none, and all outputs."""
        bar = (self.bars.bar_quarters, self.bars.vocabulary.codes_per_slice)
        output = self.bars(batch.targets.unflatten(1, bar))
        nats = functional.cross_entropy(
            output.logits.flatten(0, 2).float(), batch.targets.flatten(), reduction="none"
        )
        whole = counts.all(dim=1)
        of_bars = nats.view(len(whole), -1).mean(dim=1)
        return (of_bars * whole).sum() / whole.sum().clamp(min=1), output
