"""What the Lightning modules of all stages share: optimizer, schedule, and the loss that is logged."""

from collections.abc import Mapping

import pytorch_lightning as pl
from jaxtyping import Bool
from torch import Tensor, nn

from musicgen.training.optim import OptimizerFactory, SchedulerFactory, learning_rate, parameter_groups
from musicgen.training.trainer import is_written, num_val_samples, sample_numbers


class NetworkModule(pl.LightningModule):
    """Train one network.

    Args:
        network: Its name among the module's attributes, which begins the names of its tensors in checkpoints.
        optimizer: Makes the optimizer from parameter groups.
        scheduler: Makes the schedule from the optimizer and `total_steps`; stepped once per update.

    Attributes:
        stage: Name of the stage.
        baselines: Trivial predictions by metric, drawn as lines.
    """

    stage = ""
    baselines: Mapping[str, float] = {}

    def __init__(self, network: str, *, optimizer: OptimizerFactory, scheduler: SchedulerFactory) -> None:
        super().__init__()
        self.network_name, self.optimizer, self.scheduler = network, optimizer, scheduler
        self.total_steps = 1  # set in configure_optimizers

    def configure_optimizers(self) -> dict[str, object]:
        """Build the optimizer and its schedule over all updates of the training."""
        network: nn.Module = getattr(self, self.network_name)
        # Lightning clips no gradients in half precision where an optimizer is fused.
        clips = self.trainer.gradient_clip_val is not None and self._is_fused()
        optimizer = self.optimizer(parameter_groups(network), **({"fused": False} if clips else {}))
        self.total_steps = int(self.trainer.estimated_stepping_batches)
        schedule = self.scheduler(optimizer, total_steps=self.total_steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _is_fused(self) -> bool:
        return bool(getattr(self.optimizer, "keywords", {}).get("fused"))

    def log_loss(self, name: str, loss: Tensor, *, batch_size: int) -> None:
        """Log a training loss of the epoch; at logging steps also that of the step, and the learning rate.

        Args:
            name: Stage and metric, such as `transformer/nats_per_code`.
            loss: Of a batch.
            batch_size: Its samples; else Lightning guesses them from the first tensor that it finds.
        """
        stage, _, metric = name.partition("/")
        each = {"on_step": False, "on_epoch": True, "sync_dist": True, "batch_size": batch_size}
        self.log(f"{stage}/train/{metric}", loss, **each)
        if is_written(self.trainer):
            self.log(f"{stage}/step/{metric}", loss)
            self.log(f"{stage}/lr", learning_rate(self.trainer))

    def without_padding(
        self, mask: Bool[Tensor, "batch *rest"], *, batch_idx: int
    ) -> Bool[Tensor, "batch *rest"]:
        """Mask out the held-out samples of a batch that pad the ranks."""
        numbers = sample_numbers(self.trainer, batch_idx=batch_idx, count=len(mask))
        once = (numbers < num_val_samples(self.trainer)).to(mask.device)
        return mask & once.view(-1, *[1] * (mask.ndim - 1))
