"""What Lightning is given to train each network: the module, the batches, the metric to watch."""

from collections.abc import Mapping
from dataclasses import dataclass

import pytorch_lightning as pl
import torch

from musicgen.checkpoint import fingerprint, start_from
from musicgen.data.batches.codes import PieceCodes
from musicgen.data.batches.datamodule import CodeDataModule, MidiDataModule
from musicgen.data.batches.density import channel_densities
from musicgen.data.prepare import Prepared
from musicgen.measure.evaluate import decoder_bits_per_quarter, reconstruction_metrics
from musicgen.measure.reconstruction import ReconstructionMetrics
from musicgen.models.autoencoder import Autoencoder
from musicgen.models.priors.base import Prior
from musicgen.pipeline.plan import StagePlan
from musicgen.training.autoencoder_module import AutoencoderModule
from musicgen.training.prior_module import PriorModule


@dataclass(frozen=True)
class Training:
    """A network, ready to be trained.

    Attributes:
        module: The network and its losses.
        data: Its batches.
        monitor: The held-out metric by which the best state is kept.
        autoencoder_sha256: For a transformer, whose codes it learns.
    """

    module: AutoencoderModule | PriorModule
    data: pl.LightningDataModule
    monitor: str
    autoencoder_sha256: str | None = None


def vq_vae_training(autoencoder: Autoencoder, prepared: Prepared, *, plan: StagePlan, seed: int) -> Training:
    """Make the training of an autoencoder, from the density of its data or from the weights of a run.

    Args:
        autoencoder: To be trained; its weights, or its output bias alone, are set.
        prepared: The pieces, split.
        plan: How it is trained.
        seed: Of the order of the slices.
    """
    pieces, channels = prepared.splits, autoencoder.channels
    if plan.init_from is not None:
        start_from(autoencoder, plan.init_from, stage="vq_vae")
    else:
        autoencoder.set_output_bias(channel_densities(pieces["train"], channels=channels))
    module = AutoencoderModule(
        autoencoder.to(memory_format=torch.channels_last),  # pyright: ignore[reportCallIssue]
        optimizer=plan.optimizer,
        scheduler=plan.scheduler,
        val_metrics=ReconstructionMetrics(pieces["val"], num_embeddings=autoencoder.num_embeddings),
    )
    data = MidiDataModule(
        prepared,
        batch_size=plan.batch_size,
        channels=channels,
        seed=seed,
        transpose=plan.transpose,
        updates_per_epoch=plan.updates_per_epoch,
    )
    return Training(module, data, monitor="vq_vae/val/bce")


def transformer_training(
    transformer: Prior,
    codes: Mapping[str, PieceCodes],
    *,
    autoencoder: Autoencoder,
    prepared: Prepared,
    plan: StagePlan,
    window_quarters: int,
    hop_quarters: int,
    seed: int,
) -> Training:
    """Make the training of a transformer on the codes of a trained autoencoder.

    Args:
        transformer: To be trained.
        codes: The pieces as codes, by split.
        autoencoder: Whose codes they are.
        prepared: The pieces, split.
        plan: How it is trained.
        window_quarters: What the transformer sees at once.
        hop_quarters: From one training window to the next.
        seed: Of the order of the windows.
    """
    metrics = reconstruction_metrics(autoencoder, prepared.splits["val"])
    if plan.init_from is not None:
        start_from(transformer, plan.init_from, stage="transformer")
    module = PriorModule(
        transformer,
        optimizer=plan.optimizer,
        scheduler=plan.scheduler,
        codes_per_quarter=autoencoder.num_codes,
        decoder_bits_per_quarter=decoder_bits_per_quarter(metrics["bce"]),
    )
    windows = CodeDataModule(
        codes,
        window_quarters=window_quarters,
        hop_quarters=hop_quarters,
        start_token=transformer.start_token,
        batch_size=plan.batch_size,
        seed=seed,
        updates_per_epoch=plan.updates_per_epoch,
    )
    return Training(
        module,
        windows,
        monitor="transformer/val/nats_per_code",
        autoencoder_sha256=fingerprint(autoencoder),
    )
