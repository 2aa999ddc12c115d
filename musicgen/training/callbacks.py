"""What happens beside the training loop: checkpoints, pictures, and a stop when numbers go wrong."""

from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, ModelCheckpoint
from pytorch_lightning.loggers import TensorBoardLogger
from torch import Tensor

from musicgen.music.draw import comparison_image
from musicgen.training.optim import learning_rate
from musicgen.training.vq_vae_module import VqVaeModule


class StageCheckpoint(ModelCheckpoint):
    """Keep the best and the last state of a stage: `STAGE.ckpt` and `STAGE-last.ckpt`.

    Args:
        folder: Where they go.
        stage: `vq_vae`, `transformer` or `style`.
        monitor: The held-out figure that says which is best; lower is better. None keeps the last.
        description: Plain dictionary that travels in the file: config, version, commit, fingerprints.
    """

    def __init__(self, folder: Path, *, stage: str, monitor: str | None, description: dict[str, Any]) -> None:
        self.CHECKPOINT_NAME_LAST = f"{stage}-last"
        super().__init__(
            dirpath=folder,
            filename=stage,
            monitor=monitor,
            mode="min",
            save_last=True,
            save_on_train_epoch_end=True,  # when the training figures of the epoch are known, too
            auto_insert_metric_name=False,
            enable_version_counter=False,
        )
        self.description = description

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict
    ) -> None:
        """Put the description and the epoch's figures beside the tensors."""
        figures = {name: float(value) for name, value in trainer.callback_metrics.items()}
        checkpoint["musicgen"] = {**self.description, "figures": figures}


class RandomState(Callback):
    """Save PyTorch's random state with a checkpoint, so that a resumed run draws what it would have."""

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict
    ) -> None:
        """Put the states of the CPU and of all CUDA devices into the checkpoint."""
        checkpoint["random_state"] = {"cpu": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state_all()}

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict
    ) -> None:
        """Keep the states until training begins: what is set up in between draws numbers, too."""
        self._loaded = checkpoint.get("random_state")

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Go on from the loaded states."""
        loaded = getattr(self, "_loaded", None)
        if loaded is None:
            return
        torch.set_rng_state(loaded["cpu"].cpu())
        if len(loaded["cuda"]) == torch.cuda.device_count() > 0:
            torch.cuda.set_rng_state_all([state.cpu() for state in loaded["cuda"]])


class StopOnNonFinite(Callback):
    """Stop a run whose loss is no longer a number, before the bad state becomes a checkpoint.

    Args:
        every_n_steps: How often to look; looking waits for the device. The end of an epoch is always checked.
    """

    def __init__(self, *, every_n_steps: int = 10) -> None:
        self.every_n_steps = every_n_steps

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Raise `FloatingPointError` that says where, at which rate, and which checkpoint is good."""
        is_last = batch_idx + 1 >= trainer.num_training_batches
        if batch_idx % self.every_n_steps and not is_last:
            return
        loss = outputs["loss"]
        if not torch.isfinite(loss):
            last = getattr(trainer.checkpoint_callback, "last_model_path", "") or "none yet"
            stage = getattr(pl_module, "stage", "STAGE")
            raise FloatingPointError(
                f"the training loss is {float(loss)} at step {trainer.global_step} "
                f"(learning rate {learning_rate(trainer):.3g}); last good checkpoint: {last}. "
                f"Lower optimizer.{stage}.lr, set trainer.gradient_clip_val=1, "
                "or use trainer.precision=32-true"
            )


class ReconstructionPictures(Callback):
    """Show held-out music above its reconstruction in TensorBoard.

    Args:
        every_n_epochs: How often, in epochs; the first and the last epoch are always shown.
        num_quarters: How much of the first held-out piece is shown.
    """

    def __init__(self, *, every_n_epochs: int = 5, num_quarters: int = 32) -> None:
        self.every_n_epochs = every_n_epochs
        self.num_quarters = num_quarters

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw on rank 0, where the logger can take pictures."""
        epoch = trainer.current_epoch + 1
        shown = epoch == 1 or epoch == trainer.max_epochs or epoch % self.every_n_epochs == 0
        board = tensorboard_of(trainer)
        if board is None or not shown or not isinstance(pl_module, VqVaeModule) or trainer.sanity_checking:
            return
        pieces = pl_module.val_figures.pieces
        start, stop = (int(x) for x in pieces.starts[:2])
        index = np.arange(start, min(stop, start + self.num_quarters))
        slices = pieces.gather(index, channels=pl_module.autoencoder.channels).to(pl_module.device)
        with torch.inference_mode():
            logits = pl_module.autoencoder(slices.float()).logits
        probabilities = logits[:, 0].float().sigmoid().cpu().numpy()
        picture = comparison_image(slices[:, 0].bool().cpu().numpy(), probabilities)
        board.add_image("vq_vae/val/reconstruction", picture, trainer.global_step, dataformats="HWC")


class CodeUse(Callback):
    """Show in TensorBoard how often each code is used on held-out music."""

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Add a histogram with one bar a code, the most used first."""
        board = tensorboard_of(trainer)
        if board is None or not isinstance(pl_module, VqVaeModule) or trainer.sanity_checking:
            return
        counts: Tensor = pl_module.val_code_counts.sort(descending=True).values.cpu().double()
        if counts.sum() == 0:
            return
        codes = torch.arange(len(counts), dtype=torch.float64)
        board.add_histogram_raw(
            "vq_vae/val/code_use",
            min=0.0,
            max=float(len(counts)),
            num=float(counts.sum()),
            sum=float((codes * counts).sum()),
            sum_squares=float((codes.square() * counts).sum()),
            bucket_limits=(codes + 1).tolist(),
            bucket_counts=counts.tolist(),
            global_step=trainer.global_step,
        )


def tensorboard_of(trainer: pl.Trainer):
    """Give the TensorBoard writer of rank 0, or None where there is none."""
    if not trainer.is_global_zero:
        return None
    return next(
        (logger.experiment for logger in trainer.loggers if isinstance(logger, TensorBoardLogger)), None
    )
