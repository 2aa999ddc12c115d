"""Train our networks as a run does, through Lightning, and take the time of the updates alone."""

import time
from typing import Any

import pytorch_lightning as pl
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import DictConfig
from pytorch_lightning.callbacks import Callback

from benchmarks.measure import synchronize
from musicgen.config.tree import config_dir
from musicgen.data.batches.datamodule import MidiDataModule
from musicgen.data.batches.density import channel_densities
from musicgen.data.prepare import Prepared
from musicgen.measure.reconstruction import ReconstructionMetrics
from musicgen.training.modules.autoencoder_module import AutoencoderModule


def run_config(*overrides: str) -> DictConfig:
    """Compose what `musicgen train` takes where nothing else is said."""
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        return compose("train", overrides=list(overrides))


DEFAULTS = run_config()
VQ_VAE_BATCH = DEFAULTS.batch_size.vq_vae
TRANSFORMER_BATCH = DEFAULTS.batch_size.transformer
RUN_EPOCHS = DEFAULTS.epochs


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
    prepared: Prepared, *, width: int, batch_size: int = VQ_VAE_BATCH, seed: int = 0
) -> tuple[AutoencoderModule, MidiDataModule]:
    """Make the autoencoder and its batches as a run of Bachsformer's autoencoder does."""
    torch.manual_seed(seed)
    config = run_config(
        "vq_vae=bachsformer",
        "transpose=6",
        f"vq_vae.num_hiddens={width}",
        f"vq_vae.num_residual_hiddens={width // 4}",
        f"quantizer.embedding_dim={width}",
    )
    network = instantiate(config.vq_vae)
    network.set_output_bias(channel_densities(prepared.splits["train"], channels=1))
    module = AutoencoderModule(
        network.to(memory_format=torch.channels_last),  # type: ignore[call-overload]
        optimizer=instantiate(config.optimizer.vq_vae),
        scheduler=instantiate(config.scheduler.vq_vae),
        val_metrics=ReconstructionMetrics(
            prepared.splits["val"], cells=network.cells, vocabulary=network.vocabulary
        ),
    )
    return module, MidiDataModule(prepared, batch_size=batch_size, transpose=config.transpose, seed=seed)
