"""The autoencoder's training loop as a Lightning module."""

import math

import pytorch_lightning as pl
import torch
from torch import Tensor

from musicgen.measure.reconstruction import ReconstructionMetrics, code_entropy
from musicgen.models.autoencoder import Autoencoder, AutoencoderOutput
from musicgen.models.losses import ReconstructionLoss, reconstruction_loss
from musicgen.training.fsdp import shard_over_ranks
from musicgen.training.optim import OptimizerFactory, SchedulerFactory, learning_rate, parameter_groups
from musicgen.training.trainer import is_written, sample_numbers

_TRAINED_ON = ("bce", "commitment")


class AutoencoderModule(pl.LightningModule):
    """Train an autoencoder to reproduce slices through its codebook.

    The loss is the mean BCE over the cells of all channels plus the quantiser's own loss
    (van den Oord et al. 2017, equation 3). `vq_vae/val/*` are metrics over the whole held-out set.

    Args:
        autoencoder: The network.
        optimizer: Makes the optimizer from parameter groups.
        scheduler: Makes the schedule from the optimizer and `total_steps`; stepped once an update.
        val_metrics: What is measured on held-out pieces.
    """

    stage = "vq_vae"
    val_code_counts: Tensor  # of the last validation

    def __init__(
        self,
        autoencoder: Autoencoder,
        *,
        optimizer: OptimizerFactory,
        scheduler: SchedulerFactory,
        val_metrics: ReconstructionMetrics,
    ) -> None:
        super().__init__()
        self.autoencoder = autoencoder
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.val_metrics = val_metrics
        no_codes = torch.zeros(autoencoder.num_embeddings, dtype=torch.int64)
        self.register_buffer("val_code_counts", no_codes, persistent=False)

    def configure_model(self) -> None:
        """Share the weights out over ranks where the strategy does so; the codebook stays whole on each."""
        shard_over_ranks(self.autoencoder, self.device_mesh)

    def on_train_start(self) -> None:
        """Begin the sums of an epoch, here and at each epoch's end."""
        self._begin_sums()

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        """Reproduce a batch of slices (batch, channels, 88, 32); give the loss."""
        output, losses = self._step(batch)
        counts = torch.bincount(output.codes.flatten(), minlength=len(self._code_counts))
        self._code_counts += counts
        parts = torch.stack([losses.sounding, output.quantizer_loss]).detach().float()
        self._sums += len(batch) * torch.cat([parts, parts.new_ones(1)])
        if is_written(self.trainer):
            self.log_dict(_named("vq_vae/step", parts))
            self._log_code_use("vq_vae/step", counts, on_step=True)
            self.log("vq_vae/lr", learning_rate(self.trainer))
        return losses.total + output.quantizer_loss

    def on_train_epoch_end(self) -> None:
        """Log losses and code use over the epoch, on all ranks together."""
        sums, counts = self._sums, self._code_counts
        if self.trainer.world_size > 1:
            sums, counts = (self._over_ranks(one) for one in (sums, counts))
        means = sums[:-1] / sums[-1]
        self.log_dict(_named("vq_vae/train", means))
        self._log_code_use("vq_vae/train", counts, on_step=False)
        self._begin_sums()

    def _begin_sums(self) -> None:  # no buffers: ranks would share them
        num_embeddings = self.autoencoder.num_embeddings
        self._code_counts = torch.zeros(num_embeddings, dtype=torch.int64, device=self.device)
        self._sums = torch.zeros(len(_TRAINED_ON) + 1, device=self.device)  # of losses, and of slices

    def _over_ranks(self, value: Tensor) -> Tensor:
        gathered = self.all_gather(value)
        assert isinstance(gathered, Tensor)
        return gathered.sum(dim=0)

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        """Take the metrics of a batch of held-out slices."""
        output, _ = self._step(batch)
        numbers = sample_numbers(self.trainer, batch_idx=batch_idx, count=len(batch))
        self.val_metrics.update(batch, output.logits, output.codes, numbers.to(batch.device))

    def on_validation_epoch_end(self) -> None:
        """Log the metrics over the whole held-out set."""
        metrics = self.val_metrics.compute()
        self.val_code_counts = self.val_metrics.code_counts.clone()
        self.val_metrics.reset()
        self.log_dict({f"vq_vae/val/{name}": value for name, value in metrics.items()}, rank_zero_only=False)
        self.log("vq_vae/epoch", float(self.current_epoch + 1))

    def configure_optimizers(self) -> dict[str, object]:
        """Make the optimizer and its schedule over all updates of the training."""
        optimizer = self.optimizer(parameter_groups(self.autoencoder))
        schedule = self.scheduler(optimizer, total_steps=int(self.trainer.estimated_stepping_batches))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _step(self, batch: Tensor) -> tuple[AutoencoderOutput, ReconstructionLoss]:
        output = self.autoencoder(batch.contiguous(memory_format=torch.channels_last))
        return output, reconstruction_loss(output.logits, batch)

    def _log_code_use(self, prefix: str, counts: Tensor, *, on_step: bool) -> None:
        metrics = {
            f"{prefix}/perplexity": math.exp(code_entropy(counts)),
            f"{prefix}/codes_used": float((counts > 0).sum()),
        }
        self.log_dict(metrics, on_step=on_step, on_epoch=not on_step)


def _named(prefix: str, losses: Tensor) -> dict[str, Tensor]:
    return {f"{prefix}/{name}": loss for name, loss in zip(_TRAINED_ON, losses, strict=True)}
