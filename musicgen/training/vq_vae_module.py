"""The autoencoder's training loop as a Lightning module."""

import math

import pytorch_lightning as pl
import torch
from torch import Tensor

from musicgen.models.autoencoder import Autoencoder, AutoencoderOutput
from musicgen.models.losses import ReconstructionLoss, reconstruction_loss
from musicgen.training.figures import ReconstructionFigures, code_entropy
from musicgen.training.optim import OptimizerFactory, SchedulerFactory, learning_rate, parameter_groups
from musicgen.training.ranks import sample_numbers
from musicgen.training.sharding import share_out


class VqVaeModule(pl.LightningModule):
    """Train an autoencoder to reproduce slices through its codebook.

    The loss is the mean BCE over the cells of all channels plus the quantiser's own loss
    (van den Oord et al. 2017, equation 3). `vq_vae/val/*` are figures over the whole held-out set.

    Args:
        autoencoder: The network.
        optimizer: Makes the optimizer from parameter groups.
        scheduler: Makes the schedule from the optimizer and `total_steps`; stepped once an update.
        val_figures: What is measured on held-out pieces.
    """

    stage = "vq_vae"
    train_code_counts: Tensor
    val_code_counts: Tensor  # of the last validation

    def __init__(
        self,
        autoencoder: Autoencoder,
        *,
        optimizer: OptimizerFactory,
        scheduler: SchedulerFactory,
        val_figures: ReconstructionFigures,
    ) -> None:
        super().__init__()
        self.autoencoder = autoencoder
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.val_figures = val_figures
        num_embeddings = autoencoder.num_embeddings
        no_codes = torch.zeros(num_embeddings, dtype=torch.int64)
        self.register_buffer("train_code_counts", no_codes, persistent=False)
        self.register_buffer("val_code_counts", no_codes.clone(), persistent=False)

    def configure_model(self) -> None:
        """Share the weights out over ranks where the strategy does so; the codebook stays whole on each."""
        share_out(self.autoencoder, self.device_mesh)

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        """Reproduce a batch of slices (batch, channels, 88, 32); give the loss."""
        output, losses = self._step(batch)
        counts = torch.bincount(output.codes.flatten(), minlength=len(self.train_code_counts))
        self.train_code_counts += counts
        values = {"bce": losses.sounding, "commitment": output.quantizer_loss}
        self.log_dict(
            {f"vq_vae/train/{k}": v for k, v in values.items()}, on_step=False, on_epoch=True, sync_dist=True
        )
        self.log_dict({f"vq_vae/step/{k}": v for k, v in values.items()}, on_step=True, on_epoch=False)
        every = self.trainer.log_every_n_steps  # pyright: ignore[reportAttributeAccessIssue]
        if self.global_step % every == 0:  # waits for the device
            self._log_code_use("vq_vae/step", counts, on_step=True)
        self.log("vq_vae/lr", learning_rate(self.trainer), on_step=True, on_epoch=False)
        return losses.total + output.quantizer_loss

    def on_train_epoch_end(self) -> None:
        """Log code use over the epoch, on all ranks together."""
        counts = self.train_code_counts
        if self.trainer.world_size > 1:
            gathered = self.all_gather(counts)
            assert isinstance(gathered, Tensor)
            counts = gathered.sum(dim=0)
        self._log_code_use("vq_vae/train", counts, on_step=False)
        self.train_code_counts.zero_()

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        """Take the figures of a batch of held-out slices."""
        output, _ = self._step(batch)
        numbers = sample_numbers(self.trainer, batch_idx=batch_idx, count=len(batch))
        self.val_figures.update(batch, output.logits, output.codes, numbers.to(batch.device))

    def on_validation_epoch_end(self) -> None:
        """Log the figures over the whole held-out set."""
        figures = self.val_figures.compute()
        self.val_code_counts = self.val_figures.code_counts.clone()
        self.val_figures.reset()
        self.log_dict({f"vq_vae/val/{name}": value for name, value in figures.items()}, rank_zero_only=False)
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
        figures = {
            f"{prefix}/perplexity": math.exp(code_entropy(counts)),
            f"{prefix}/codes_used": float((counts > 0).sum()),
        }
        self.log_dict(figures, on_step=on_step, on_epoch=not on_step)
