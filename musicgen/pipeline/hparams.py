"""Log the settings of a run with its final metrics."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytorch_lightning.loggers import Logger, TensorBoardLogger, WandbLogger

from musicgen.config.keys import is_of_experiment
from musicgen.measure.spec import all_metrics, headline_of
from musicgen.reports.pages.metric_table import metrics_text
from musicgen.reports.runs.settings import flatten
from musicgen.training.curve_table import CurveTable

if TYPE_CHECKING:
    from tensorboard.backend.event_processing.event_accumulator import ScalarEvent


def log_settings(
    loggers: Sequence[Logger],
    settings: dict[str, Any],
    metrics: dict[str, float],
    *,
    typed: Sequence[str] = (),
) -> None:
    """Log the run's settings and final metrics (TensorBoard: HParams tab), and close the loggers.

    Args:
        loggers: Loggers of the run.
        settings: The composed config in plain values.
        metrics: Final metrics of the run.
        typed: Overrides of the run, as `key=value`. TensorBoard gets only these, or epochs and seed if
            empty.
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
            logger.experiment.add_text("metrics", metrics_text(metrics))
        else:
            logger.log_hyperparams(flat)
            if not isinstance(logger, CurveTable):  # metrics.json holds them
                logger.log_metrics(final)
        logger.finalize("success")
        if isinstance(logger, WandbLogger):
            logger.experiment.finish()


def _log_hparams(
    logger: TensorBoardLogger, settings: Mapping[str, Any], metrics: Mapping[str, float]
) -> None:
    """Write a row of TensorBoard's HParams tab: the overrides and the headline metrics.

    HParams shows the last point of a curve. If that differs from the final metric (the best state is kept,
    not the last), one more point is added; no chart is made for a final value alone.
    """
    from torch.utils.tensorboard.summary import hparams

    logger.experiment.flush()
    last, reached = _last_points(Path(logger.log_dir)), {}
    for one in headline_of(all_metrics(metrics)):
        tag, value = one.first_tag, metrics[one.name]
        if tag in last and math.isfinite(value):
            reached[tag] = value
            if not math.isclose(last[tag].value, value, rel_tol=1e-5):
                logger.experiment.add_scalar(tag, value, last[tag].step)
    writer = logger.experiment._get_file_writer()
    for summary in hparams(dict(settings), reached):
        writer.add_summary(summary)
    writer.flush()


def _last_points(folder: Path) -> dict[str, "ScalarEvent"]:
    """Read the last point of each curve in all event files, including those of reused stages."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    points: dict[str, ScalarEvent] = {}
    for path in sorted(folder.glob("events.out.tfevents.*")):
        events = EventAccumulator(str(path), size_guidance={"scalars": 1, "images": 1, "audio": 1})
        events.Reload()
        for tag in events.Tags()["scalars"]:
            point = events.Scalars(tag)[-1]
            if tag not in points or point.wall_time >= points[tag].wall_time:
                points[tag] = point
    return points


def _set_by_hand(flat: Mapping[str, Any], typed: Sequence[str]) -> dict[str, Any]:
    pairs = [one.lstrip("+~").partition("=") for one in typed]
    kept = {key: flat.get(key, value) for key, _, value in pairs if is_of_experiment(key)}
    return kept or {name: flat[name] for name in ("epochs", "seed") if name in flat}


def _is_pointer(value: Any) -> bool:
    """Check whether a value only points to another setting, which is listed under its own name."""
    return isinstance(value, str) and value.startswith("${")
