"""Callbacks: pictures, baselines, code use, and a stop on non-finite values."""

from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import TensorBoardLogger
from torch import Tensor

from musicgen.data.batches.slices import SliceBatch
from musicgen.music.render.piano_roll import comparison_image
from musicgen.training.modules.autoencoder_module import AutoencoderModule
from musicgen.training.optim import learning_rate
from musicgen.training.tensorboard_logger import CARD_WIDTH_IN


class StopOnNonFinite(Callback):
    """Stop a run with non-finite values before a checkpoint is written.

    Checks the loss every few steps, and all tensors of the network at the end of each epoch, since the last
    update may produce them after the last loss. All ranks stop together.

    Args:
        every_n_steps: Interval of loss checks, which synchronise with the device.
    """

    def __init__(self, *, every_n_steps: int = 10) -> None:
        self.every_n_steps = every_n_steps

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Raise `FloatingPointError` with step, learning rate and last good checkpoint."""
        is_last = batch_idx + 1 >= trainer.num_training_batches
        if batch_idx % self.every_n_steps == 0 or is_last:
            loss = outputs["loss"]
            _check(trainer, pl_module, what=f"the training loss is {float(loss)}", good=torch.isfinite(loss))

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Raise `FloatingPointError` for non-finite weights or codebook vectors."""
        good, bad_name = True, ""
        for name, tensor in pl_module.state_dict().items():
            if tensor.is_floating_point() and not torch.isfinite(tensor).all():
                good, bad_name = False, name
                break
        _check(trainer, pl_module, what=f"{bad_name or 'a tensor of another rank'} is not finite", good=good)


def _check(trainer: pl.Trainer, pl_module: pl.LightningModule, *, what: str, good: bool | Tensor) -> None:
    if trainer.strategy.reduce_boolean_decision(bool(good), all=True):
        return
    last = getattr(trainer.checkpoint_callback, "last_model_path", "") or "none yet"
    raise FloatingPointError(
        f"{what} at step {trainer.global_step} (learning rate {learning_rate(trainer):.3g}); "
        f"last good checkpoint: {last}. Lower optimizer.{getattr(pl_module, 'stage', 'STAGE')}.lr, "
        "set trainer.gradient_clip_val=1, or use trainer.precision=32-true"
    )


class ReconstructionPictures(Callback):
    """Show held-out music and its reconstruction in TensorBoard.

    Args:
        every_n_epochs: Interval in epochs; the first and the last epoch are always shown.
        num_quarters: Length of the shown part of the first held-out piece, in quarters.
    """

    def __init__(self, *, every_n_epochs: int = 5, num_quarters: int = 16) -> None:
        self.every_n_epochs = every_n_epochs
        self.num_quarters = num_quarters

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw on rank 0, if the logger supports images."""
        epoch = trainer.current_epoch + 1
        shown = epoch == 1 or epoch == trainer.max_epochs or epoch % self.every_n_epochs == 0
        board = tensorboard_of(trainer)
        if (
            board is None
            or not shown
            or not isinstance(pl_module, AutoencoderModule)
            or trainer.sanity_checking
        ):
            return
        pieces = pl_module.val_metrics.pieces
        start, stop = (int(x) for x in pieces.starts[:2])
        index = np.arange(start, min(stop, start + self.num_quarters))
        network = pl_module.autoencoder
        batch = SliceBatch.of(pieces, index, channels=network.channels, layout=network.layout)
        slices, before = (tensor.to(pl_module.device) for tensor in batch)
        with torch.inference_mode():
            probabilities = network.cells.marginals(network(slices).maps, before=before)
        played, seen = batch.slices[:, 0].bool().numpy(), probabilities.float().cpu().numpy()
        played, seen = (cells.repeat(network.layout.lengths, axis=2) for cells in (played, seen))
        picture = comparison_image(played, seen, width_in=CARD_WIDTH_IN)
        board.add_image("vq_vae/val/reconstruction", picture, trainer.global_step, dataformats="HWC")


class TrivialLines(Callback):
    """Draw trivial predictions as horizontal lines from the first to the last update of a stage.

    Reads the module's `baselines`, by their names in `metrics.json`.
    """

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log the first point, unless an earlier process did."""
        if trainer.global_step == 0:
            _log_baselines(trainer, pl_module, step=0)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log the last point."""
        _log_baselines(trainer, pl_module, step=max(1, trainer.global_step - 1))


def _log_baselines(trainer: pl.Trainer, pl_module: pl.LightningModule, *, step: int) -> None:
    baselines = getattr(pl_module, "baselines", {})
    for logger in trainer.loggers if baselines else ():
        logger.log_metrics(dict(baselines), step=step)


class CodeUse(Callback):
    """Show the code use on held-out music in TensorBoard."""

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Add a histogram with one bar per code, the most used first."""
        board = tensorboard_of(trainer)
        if board is None or not isinstance(pl_module, AutoencoderModule) or trainer.sanity_checking:
            return
        counts: Tensor = pl_module.val_code_counts.flatten().sort(descending=True).values.cpu().double()
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
    """Return the TensorBoard writer on rank 0, else None."""
    if not trainer.is_global_zero:
        return None
    return next(
        (logger.experiment for logger in trainer.loggers if isinstance(logger, TensorBoardLogger)), None
    )
