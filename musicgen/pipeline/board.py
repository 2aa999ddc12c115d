"""What a run gives its loggers beside its curves: its settings with the figures it reached."""

import math
from collections.abc import Sequence
from typing import Any

from pytorch_lightning.loggers import Logger, TensorBoardLogger, WandbLogger

from musicgen.evaluation.knobs import flatten
from musicgen.training.curve_table import CurveTable

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
    "transpose",
    "sampling",
)  # what of the config is a setting of the experiment; the rest is where and how it runs


def log_settings(loggers: Sequence[Logger], settings: dict[str, Any], metrics: dict[str, float]) -> None:
    """Give every logger the run's settings and final figures (TensorBoard: its HParams tab), and end it.

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
    final = {f"final/{name}": value for name, value in metrics.items() if math.isfinite(value)}
    for logger in loggers:
        if isinstance(logger, TensorBoardLogger):
            logger.log_hyperparams(flat, final)
        else:
            logger.log_hyperparams(flat)
            if not isinstance(logger, CurveTable):  # metrics.json lies beside it
                logger.log_metrics(final)
        logger.finalize("success")
        if isinstance(logger, WandbLogger):
            logger.experiment.finish()
