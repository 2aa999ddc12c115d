"""What a run gives its loggers beside its curves: its settings with the metrics it reached."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pytorch_lightning.loggers import Logger, TensorBoardLogger, WandbLogger

from musicgen.config.keys import is_of_experiment
from musicgen.measure.spec import all_metrics, headline_of
from musicgen.reports.runs.settings import flatten
from musicgen.training.curve_table import CurveTable
from musicgen.training.tensorboard_logger import first_tag


def log_settings(
    loggers: Sequence[Logger],
    settings: dict[str, Any],
    metrics: dict[str, float],
    *,
    typed: Sequence[str] = (),
) -> None:
    """Give every logger the run's settings and final metrics (TensorBoard: its HParams tab), and end it.

    Args:
        loggers: Those of the run.
        settings: The composed config in plain values.
        metrics: What the run reached.
        typed: What sets the run apart, as `key=value`. TensorBoard, which shows the first few by their names,
            gets these alone; epochs and seed where there is nothing.
    """
    flat = {
        name: value if isinstance(value, bool | int | float | str) else str(value)
        for name, value in flatten(settings).items()
        if is_of_experiment(name) and not name.split(".")[-1].startswith("_") and not _is_pointer(value)
    }
    final = {f"final/{name}": value for name, value in metrics.items() if math.isfinite(value)}
    for logger in loggers:
        if isinstance(logger, TensorBoardLogger):
            _log_hparams(logger, _set_by_hand(flat, typed), metrics)
        else:
            logger.log_hyperparams(flat)
            if not isinstance(logger, CurveTable):  # metrics.json lies beside it
                logger.log_metrics(final)
        logger.finalize("success")
        if isinstance(logger, WandbLogger):
            logger.experiment.finish()


def _log_hparams(
    logger: TensorBoardLogger, settings: Mapping[str, Any], metrics: Mapping[str, float]
) -> None:
    """Fill a row of TensorBoard's HParams tab: what differs, and the headline metrics that were reached.

    HParams shows the last point of a curve. Where that is not the final metric (the best state is kept, not
    the last), the curve ends with one more point; no chart is made for a final value alone.
    """
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from torch.utils.tensorboard.summary import hparams

    logger.experiment.flush()
    events = EventAccumulator(logger.log_dir, size_guidance={"scalars": 0, "images": 1, "audio": 1})
    events.Reload()
    curves = set(events.Tags()["scalars"])
    reached = {}
    for one in headline_of(all_metrics(metrics)):
        tag, value = first_tag(one), metrics[one.name]
        if tag in curves and math.isfinite(value):
            reached[tag] = value
            last = events.Scalars(tag)[-1]
            if not math.isclose(last.value, value, rel_tol=1e-5):
                logger.experiment.add_scalar(tag, value, last.step)
    writer = logger.experiment._get_file_writer()
    for summary in hparams(dict(settings), reached):
        writer.add_summary(summary)
    writer.flush()


def _set_by_hand(flat: Mapping[str, Any], typed: Sequence[str]) -> dict[str, Any]:
    pairs = [one.lstrip("+~").partition("=") for one in typed]
    kept = {key: flat.get(key, value) for key, _, value in pairs if is_of_experiment(key)}
    return kept or {name: flat[name] for name in ("epochs", "seed") if name in flat}


def _is_pointer(value: Any) -> bool:
    """Report whether a value only points to another setting, which is listed by its own name."""
    return isinstance(value, str) and value.startswith("${")
