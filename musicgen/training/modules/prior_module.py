"""Lightning module of the prior."""

from torch import Tensor
from torchmetrics import MeanMetric

from musicgen.data.batches.codes import CodeBatch
from musicgen.measure.rate import bits_per_quarter
from musicgen.models.priors.base import Prior
from musicgen.training.fsdp import shard_over_ranks
from musicgen.training.modules.network_module import NetworkModule
from musicgen.training.optim import OptimizerFactory, SchedulerFactory


class PriorModule(NetworkModule):
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

    def __init__(
        self,
        transformer: Prior,
        *,
        optimizer: OptimizerFactory,
        scheduler: SchedulerFactory,
        codes_per_quarter: int,
        decoder_bits: float,
    ) -> None:
        super().__init__("transformer", optimizer=optimizer, scheduler=scheduler)
        self.transformer = transformer
        self.codes_per_quarter = codes_per_quarter
        self.decoder_bits = decoder_bits
        self.val_nats = MeanMetric()

    def configure_model(self) -> None:
        """Shard the weights if the strategy does so."""
        shard_over_ranks(self.transformer, self.device_mesh)

    def training_step(self, batch: CodeBatch, batch_idx: int) -> Tensor:
        """Predict the codes of a batch of windows; return the mean loss in nats per code."""
        loss = self._step(batch)
        self.log_loss("transformer/nats_per_code", loss, batch_size=len(batch.inputs))
        return loss

    def validation_step(self, batch: CodeBatch, batch_idx: int) -> None:
        """Add up the loss of a batch of held-out windows, without those that pad the ranks."""
        batch = batch._replace(mask=self.without_padding(batch.mask, batch_idx=batch_idx))
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

    def _step(self, batch: CodeBatch) -> Tensor:
        batch = batch.within(self.transformer.max_positions)
        return self.transformer.nats(batch.inputs, batch.targets, mask=batch.mask, labels=batch.labels)
