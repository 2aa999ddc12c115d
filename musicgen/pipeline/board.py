"""What a run puts into TensorBoard beside its curves: its settings with the figures it reached."""

from collections.abc import Sequence
from typing import Any

from pytorch_lightning.loggers import Logger, TensorBoardLogger

from musicgen.evaluation.knobs import flatten

KNOBS = (
    "epochs",
    "seed",
    "data",
    "grid",
    "quantizer",
    "vq_vae",
    "transformer",
    "optimizer",
    "scheduler",
    "batch_size",
    "max_epochs",
    "windows",
    "sampling",
)  # what of the config is a setting of the experiment; the rest is where and how it runs


def log_settings(loggers: Sequence[Logger], settings: dict[str, Any], metrics: dict[str, float]) -> None:
    """Put the run's settings and final figures into TensorBoard's HParams tab, and end the logging.

    Args:
        loggers: Those of the run.
        settings: The composed config in plain values.
        metrics: What the run reached.
    """
    flat = {
        name: value if isinstance(value, bool | int | float | str) else str(value)
        for name, value in flatten(settings).items()
        if name.split(".")[0] in KNOBS and not name.split(".")[-1].startswith("_")
    }
    for logger in loggers:
        if isinstance(logger, TensorBoardLogger):
            logger.log_hyperparams(flat, {f"final/{name}": value for name, value in metrics.items()})
        logger.finalize("success")
