"""Charts for TensorBoard's custom scalars, from the table of metrics."""

import re
from collections.abc import Sequence

from pytorch_lightning.loggers import Logger, TensorBoardLogger

from musicgen.measure.spec import METRICS, MetricSpec

SPLITS = {"Held out": "val", "Training": "train"}


def chart_tags() -> dict[str, dict[str, list[str]]]:
    """List the curves of each chart.

    Returns:
        Category to title of a chart to regular expressions of the curves' names; held-out charts include
        the trivial baselines of their metrics.
    """
    charted: dict[str, list[MetricSpec]] = {}
    for spec in METRICS.values():
        if spec.chart:
            charted.setdefault(spec.chart, []).append(spec)
    return {
        category: {title: [_tag(spec, split) for spec in specs] for title, specs in charted.items()}
        for category, split in SPLITS.items()
    }


def log_layout(loggers: Sequence[Logger]) -> None:
    """Add the charts to TensorBoard, which merges equal charts of all runs.

    Args:
        loggers: Loggers of a run; only TensorBoard's are used.
    """
    layout = {
        category: {title: ["Multiline", tags] for title, tags in charts.items()}
        for category, charts in chart_tags().items()
    }
    for logger in loggers:
        if isinstance(logger, TensorBoardLogger):
            logger.experiment.add_custom_scalars(layout)
            logger.experiment.close()  # each stage starts a new event file


def _tag(spec: MetricSpec, split: str) -> str:
    stage, _, leaf = spec.name.rpartition("/")
    place = f"{re.escape(stage)}/{split}" if stage else rf"(\w+/)?{split}"
    baseline = rf"|baseline/\w+/{re.escape(leaf)}" if split == "val" else ""
    return f"^({place}/{re.escape(leaf)}{baseline})$"
