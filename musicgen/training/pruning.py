"""Stop a run that has no hope, by what its held-out metrics say after each epoch."""

import logging
import math
from collections.abc import Callable

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from musicgen.measure.rate import bits_per_quarter
from musicgen.training.autoencoder_module import AutoencoderModule

log = logging.getLogger(__name__)

BITS = "val/bits_per_quarter"
STEPS_A_STAGE = 1000  # so that epoch 3 of a stage is compared with epoch 3 of that stage in other runs


class PrunedRun(Exception):  # noqa: N818 (it is no error)
    """A run was stopped because runs before it were better at the same point."""


class PruningCallback(Callback):
    """Ask after each epoch whether a run is worth going on with.

    The metric is read by its own name in the stage that logs it. Bits per quarter are known while the
    autoencoder trains, too, with the trivial prior that knows how often each code is used: the decoder's
    bits and `codes * log2(perplexity)`. What the transformer makes of the codes can only be better.

    Args:
        monitor: A held-out metric.
        judge: Takes its value and a step (epochs of the stage, plus a thousand a stage before it);
            says whether to stop.
    """

    def __init__(self, monitor: str, *, judge: Callable[[float, int], bool]) -> None:
        self.monitor = monitor
        self.judge = judge

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Refuse what would leave the other ranks waiting.

        Raises:
            ValueError: A run spreads over several devices.
        """
        if trainer.world_size > 1:
            raise ValueError(
                f"a run over {trainer.world_size} devices cannot be stopped from one of them; "
                "use trainer.devices=1 and a worker a device, or pruner=null"
            )

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Report the metric of the epoch.

        Raises:
            PrunedRun: The judge says so.
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
        if self.judge(value, number * STEPS_A_STAGE + epoch):
            raise PrunedRun(f"{self.monitor} was {value:.5g} after epoch {epoch} of {stage}")


def bits_with_unigram_prior(decoder_bits: float, perplexity: float, *, codes_per_quarter: int) -> float:
    """Bound bits per quarter by a prior that knows only how often each code is used.

    Args:
        decoder_bits: What the decoder needs for a quarter whose codes are known.
        perplexity: Of the codes on the same pieces.
        codes_per_quarter: How many codes stand for a quarter.

    Returns:
        Bits a quarter.
    """
    return bits_per_quarter(
        math.log(perplexity), codes_per_quarter=codes_per_quarter, decoder_bits=decoder_bits
    )
