"""Lightning module of the autoencoder."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from musicgen.checkpoint import migrate
from musicgen.data.batches.slices import SliceBatch
from musicgen.measure.reconstruction import ReconstructionMetrics, code_entropy, count_code_use
from musicgen.models.autoencoder import Autoencoder, AutoencoderOutput
from musicgen.models.cells.base import CellLoss
from musicgen.training.fsdp import shard_over_ranks
from musicgen.training.modules.network_module import NetworkModule
from musicgen.training.optim import OptimizerFactory, SchedulerFactory, learning_rate
from musicgen.training.trainer import is_written, sample_numbers

_SLICES = "slices"


class AutoencoderModule(NetworkModule):
    """Train an autoencoder to reproduce slices through its bottleneck.

    The loss is the cell model's plus the bottleneck's (van den Oord et al. 2017, equation 3, for
    codebooks). `vq_vae/val/*` are metrics over the whole held-out set.

    Args:
        autoencoder: The network.
        optimizer: Makes the optimizer from parameter groups.
        scheduler: Makes the schedule from the optimizer and `total_steps`; stepped once per update.
        val_metrics: Metrics of held-out pieces.
    """

    stage = "vq_vae"
    val_code_counts: Tensor  # from the last validation

    def __init__(
        self,
        autoencoder: Autoencoder,
        *,
        optimizer: OptimizerFactory,
        scheduler: SchedulerFactory,
        val_metrics: ReconstructionMetrics,
    ) -> None:
        super().__init__("autoencoder", optimizer=optimizer, scheduler=scheduler)
        self.autoencoder = autoencoder
        self.val_metrics = val_metrics
        self.register_buffer("val_code_counts", val_metrics.code_counts.clone(), persistent=False)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Migrate checkpoints of earlier versions."""
        migrate(checkpoint, Path("the checkpoint"))

    def configure_model(self) -> None:
        """Shard the weights if the strategy does so; every rank keeps the whole codebook."""
        shard_over_ranks(self.autoencoder, self.device_mesh)

    def on_train_start(self) -> None:
        """Reset the epoch accumulators."""
        self._reset_epoch()

    def training_step(self, batch: SliceBatch, batch_idx: int) -> Tensor:
        """Reproduce a batch of slices; return the loss."""
        output, losses = self._step(batch)
        metrics = {**losses.metrics, **output.metrics}
        self._add_to_epoch(metrics, weight=len(batch.slices))
        counts = count_code_use(output.codes, vocabulary=self.val_metrics.vocabulary).to(self.device)
        self._code_counts += counts
        if is_written(self.trainer):
            self.log_dict({f"vq_vae/step/{name}": value for name, value in metrics.items()})
            self._log_code_use("vq_vae/step", counts, on_step=True)
            self.log("vq_vae/lr", learning_rate(self.trainer))
        return losses.total + output.loss

    def on_train_epoch_end(self) -> None:
        """Log losses and code use of the epoch, reduced over ranks."""
        sums, counts = torch.stack(list(self._sums.values())), self._code_counts
        if self.trainer.world_size > 1:
            sums, counts = (self._over_ranks(tensor) for tensor in (sums, counts))
        means = zip(self._sums, sums / sums[-1], strict=True)
        self.log_dict({f"vq_vae/train/{name}": mean for name, mean in means if name != _SLICES})
        self._log_code_use("vq_vae/train", counts, on_step=False)
        self._reset_epoch()

    def _reset_epoch(self) -> None:  # not buffers, which ranks would share
        self._code_counts = torch.zeros_like(self.val_code_counts)
        self._sums: dict[str, Tensor] = {}  # sums of metrics over slices, and the number of slices

    def _add_to_epoch(self, metrics: Mapping[str, Tensor], *, weight: int) -> None:
        slices = self._sums.pop(_SLICES, torch.zeros((), device=self.device))
        for name, value in metrics.items():
            self._sums[name] = self._sums.get(name, 0.0) + weight * value.detach().float()
        self._sums[_SLICES] = slices + weight

    def _over_ranks(self, value: Tensor) -> Tensor:
        gathered = self.all_gather(value)
        assert isinstance(gathered, Tensor)
        return gathered.sum(dim=0)

    def validation_step(self, batch: SliceBatch, batch_idx: int) -> None:
        """Update the metrics with a batch of held-out slices."""
        output, _ = self._step(batch)
        count = len(batch.slices)
        numbers = sample_numbers(self.trainer, batch_idx=batch_idx, count=count).to(output.maps.device)
        self.val_metrics.update(
            batch.slices,
            output.maps,
            output.codes,
            numbers,
            before=batch.before,
            null_maps=self.autoencoder.maps_without_latents(),
        )

    def on_validation_epoch_end(self) -> None:
        """Log the metrics over the whole held-out set."""
        metrics = self.val_metrics.compute()
        self.val_code_counts = self.val_metrics.code_counts.clone()
        self.val_metrics.reset()
        self.log_dict({f"vq_vae/val/{name}": value for name, value in metrics.items()}, rank_zero_only=False)
        self.log("vq_vae/epoch", float(self.current_epoch + 1))

    def _step(self, batch: SliceBatch) -> tuple[AutoencoderOutput, CellLoss]:
        output = self.autoencoder(batch.slices.contiguous(memory_format=torch.channels_last))
        progress = self.global_step / self.total_steps
        losses = self.autoencoder.cells.loss(
            output.maps, batch.slices, before=batch.before, progress=progress
        )
        return output, losses

    def _log_code_use(self, prefix: str, counts: Tensor, *, on_step: bool) -> None:
        if not counts.numel():
            return
        metrics = {
            f"{prefix}/perplexity": math.exp(code_entropy(counts)),
            f"{prefix}/codes_used": float((counts > 0).sum()),
        }
        self.log_dict(metrics, on_step=on_step, on_epoch=not on_step)
