"""Lightning module of the prior."""

from collections.abc import Mapping

import pytorch_lightning as pl
from torch import Tensor
from torchmetrics import MeanMetric

from musicgen.data.batches.codes import CodeBatch
from musicgen.measure.rate import bits_per_quarter
from musicgen.models.priors.base import Prior
from musicgen.training.fsdp import shard_over_ranks
from musicgen.training.optim import OptimizerFactory, SchedulerFactory, learning_rate, parameter_groups
from musicgen.training.trainer import is_written, num_val_samples, sample_numbers


class PriorModule(pl.LightningModule):
    """Train a prior to predict the next code of a piece.

    Args:
        transformer: The network.
        optimizer: Makes the optimizer from parameter groups.
        scheduler: Makes the schedule from the optimizer and `total_steps`; stepped once per update.
        codes_per_quarter: Number of codes per quarter.
        decoder_bits: Bits per quarter of the decoder given the codes, on the held-out pieces. Its sum with
            the prior's bits is `val/bits_per_quarter`, an upper bound on -log2 p(quarter) that is
            comparable between codebooks.
    """

    stage = "transformer"
    baselines: Mapping[str, float] = {}  # trivial priors, drawn as lines

    def __init__(
        self,
        transformer: Prior,
        *,
        optimizer: OptimizerFactory,
        scheduler: SchedulerFactory,
        codes_per_quarter: int,
        decoder_bits: float,
    ) -> None:
        super().__init__()
        self.transformer = transformer
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.codes_per_quarter = codes_per_quarter
        self.decoder_bits = decoder_bits
        self.val_nats = MeanMetric()

    def configure_model(self) -> None:
        """Shard the weights if the strategy does so."""
        shard_over_ranks(self.transformer, self.device_mesh)

    def training_step(self, batch: CodeBatch, batch_idx: int) -> Tensor:
        """Predict the codes of a batch of windows; return the mean loss in nats per code."""
        loss = self._step(batch)
        self.log(
            "transformer/train/nats_per_code",
            loss,
            on_step=False,
            on_epoch=True,
            sync_dist=True,
            batch_size=len(batch.inputs),  # else Lightning guesses it from the first tensor that it finds
        )
        if is_written(self.trainer):
            self.log("transformer/step/nats_per_code", loss)
            self.log("transformer/lr", learning_rate(self.trainer))
        return loss

    def validation_step(self, batch: CodeBatch, batch_idx: int) -> None:
        """Add up the loss of a batch of held-out windows, without those that pad the ranks."""
        numbers = sample_numbers(self.trainer, batch_idx=batch_idx, count=len(batch.inputs))
        once = (numbers < num_val_samples(self.trainer)).to(batch.mask.device)
        batch = batch._replace(mask=batch.mask & once[:, None])
        nats = self._step(batch)  # run even if masked out: FSDP ranks must make the same collective calls
        if batch.mask.any():
            self.val_nats.update(nats, weight=batch.mask.sum())

    def on_validation_epoch_end(self) -> None:
        """Log nats per code and bits per quarter over the whole held-out set."""
        nats = float(self.val_nats.compute())
        self.val_nats.reset()
        bits = bits_per_quarter(
            nats, codes_per_quarter=self.codes_per_quarter, decoder_bits=self.decoder_bits
        )
        self.log_dict({"transformer/val/nats_per_code": nats, "val/bits_per_quarter": bits})
        self.log("transformer/epoch", float(self.current_epoch + 1))

    def configure_optimizers(self) -> dict[str, object]:
        """Build the optimizer and its schedule."""
        optimizer = self.optimizer(parameter_groups(self.transformer))
        schedule = self.scheduler(optimizer, total_steps=int(self.trainer.estimated_stepping_batches))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _step(self, batch: CodeBatch) -> Tensor:
        batch = batch.within(self.transformer.max_positions)
        return self.transformer.nats(batch.inputs, batch.targets, mask=batch.mask, labels=batch.labels)
