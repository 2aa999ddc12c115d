"""Train our networks as a run does, through Lightning, and take the time of the updates alone."""

import time
from functools import partial
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback

from benchmarks.measure import synchronize
from musicgen.data.datamodule import MidiDataModule
from musicgen.data.density import channel_densities
from musicgen.data.prepare import Prepared
from musicgen.models.autoencoder import Autoencoder
from musicgen.models.vq import VectorQuantizer
from musicgen.training.figures import ReconstructionFigures
from musicgen.training.optim import cosine
from musicgen.training.vq_vae_module import VqVaeModule

VQ_VAE_BATCH = 32  # the defaults of a run
TRANSFORMER_BATCH = 16
RUN_EPOCHS = 10


class StepClock(Callback):
    """Take the time from the end of the first update to the end of the last.

    Args:
        device: To wait for.
    """

    def __init__(self, device: str) -> None:
        self.device = device
        self.updates = -1
        self.seconds = 0.0
        self._start = 0.0

    def on_train_batch_end(self, *arguments: Any) -> None:
        """Count an update; the first one only starts the clock."""
        if self.updates < 0:
            synchronize(self.device)
            self._start = time.perf_counter()
        self.updates += 1

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop the clock when the device is done."""
        synchronize(self.device)
        self.seconds = time.perf_counter() - self._start


def seconds_an_update(
    module: pl.LightningModule, data: pl.LightningDataModule, *, steps: int, device: str, precision: str
) -> float:
    """Train for some updates and give the mean time of one."""
    clock = StepClock(device)
    trainer(steps + 1, device=device, precision=precision, callbacks=[clock]).fit(module, datamodule=data)
    return clock.seconds / clock.updates


def trainer(
    max_steps: int, *, device: str, precision: str, callbacks: list[Callback], max_epochs: int | None = None
) -> pl.Trainer:
    """Make a trainer that trains and does nothing beside it."""
    return pl.Trainer(
        max_steps=max_steps,
        max_epochs=max_epochs,
        accelerator="cpu" if device == "cpu" else "gpu",
        devices=1,
        precision=precision,  # type: ignore[arg-type]
        callbacks=callbacks,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        limit_val_batches=0,
        num_sanity_val_steps=0,
    )


def vq_vae(
    prepared: Prepared, *, width: int, batch_size: int = VQ_VAE_BATCH
) -> tuple[VqVaeModule, MidiDataModule]:
    """Make the autoencoder and its batches as a run with the default settings does."""
    torch.manual_seed(0)
    network = Autoencoder(
        VectorQuantizer(num_embeddings=16, embedding_dim=width),
        num_hiddens=width,
        num_residual_hiddens=width // 4,
    )
    network.set_output_bias(channel_densities(prepared.splits["train"], channels=1))
    module = VqVaeModule(
        network.to(memory_format=torch.channels_last),  # type: ignore[call-overload]
        optimizer=partial(torch.optim.Adam, lr=1e-3),
        scheduler=cosine,
        val_figures=ReconstructionFigures(prepared.splits["val"], num_embeddings=16),
    )
    return module, MidiDataModule(prepared, batch_size=batch_size)
