"""Prune a run by its held-out metric after each epoch."""

import logging
import math
from collections.abc import Callable

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from musicgen.measure.rate import bits_per_quarter
from musicgen.training.modules.autoencoder_module import AutoencoderModule

log = logging.getLogger(__name__)

BITS = "val/bits_per_quarter"
STEPS_PER_STAGE = 1000  # so that runs are compared at the same epoch of the same stage


class PrunedRun(Exception):  # noqa: N818 (not an error)
    """A run was stopped because earlier runs were better at the same step."""


class PruningCallback(Callback):
    """Report a held-out metric after each epoch, and stop the run if it should be pruned.

    The metric is read in the stage that logs it. While the autoencoder trains, `val/bits_per_quarter` is
    bounded by a unigram prior: the decoder's bits plus `codes * log2(perplexity)`.

    Args:
        monitor: A held-out metric.
        should_prune: Takes its value and a step (epochs of the stage, plus 1000 per earlier stage); returns
            whether to stop.
    """

    def __init__(self, monitor: str, *, should_prune: Callable[[float, int], bool]) -> None:
        self.monitor = monitor
        self.should_prune = should_prune

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Reject runs over several devices, where the other ranks would hang.

        Raises:
            ValueError: The run uses several devices.
        """
        if trainer.world_size > 1:
            raise ValueError(
                f"a run over {trainer.world_size} devices cannot be pruned; "
                "use trainer.devices=1 and a worker per device, or pruner=null"
            )

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Report the metric of the epoch.

        Raises:
            PrunedRun: `should_prune` returned True.
        """
        if trainer.sanity_checking:
            return
        stage, number = str(getattr(pl_module, "stage", "")), int(getattr(pl_module, "stage_number", 0))
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        value = metrics.get(self.monitor)
        if (
            value is None
            and self.monitor == BITS
            and isinstance(pl_module, AutoencoderModule)
            and "vq_vae/val/perplexity" in metrics
        ):
            value = bits_with_unigram_prior(
                metrics["vq_vae/val/decoder_bits"],
                metrics["vq_vae/val/perplexity"],
                codes_per_quarter=pl_module.autoencoder.num_codes,
            )
        if value is None or not math.isfinite(value):
            return
        epoch = trainer.current_epoch + 1
        if self.should_prune(value, number * STEPS_PER_STAGE + epoch):
            raise PrunedRun(f"{self.monitor} was {value:.5g} after epoch {epoch} of {stage}")


def bits_with_unigram_prior(decoder_bits: float, perplexity: float, *, codes_per_quarter: int) -> float:
    """Bound bits per quarter with a unigram prior over codes.

    Args:
        decoder_bits: Bits per quarter of the decoder, given the codes.
        perplexity: Perplexity of the codes on the same pieces.
        codes_per_quarter: Number of codes per quarter.

    Returns:
        Bits per quarter.
    """
    return bits_per_quarter(
        math.log(perplexity), codes_per_quarter=codes_per_quarter, decoder_bits=decoder_bits
    )
