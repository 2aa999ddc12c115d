"""The headline metrics of a run in a few words, beside what a trivial prediction or real music reaches."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from musicgen.measure.spec import Metric, all_metrics, headline_of

MOST = 6


@dataclass(frozen=True)
class Headline:
    """A headline metric of one run.

    Attributes:
        metric: Its description.
        value: What the run reaches.
        beside: What it is read beside: the best trivial prediction, or held-out real music; NaN for neither.
        beside_name: `trivial` or `real`.
    """

    metric: Metric
    value: float
    beside: float = math.nan
    beside_name: str = "trivial"

    @property
    def title(self) -> str:
        """The title inside a line: `BCE`, `perplexity`, `onset F1`."""
        title = self.metric.title.removeprefix("Code ")
        return title if title[1:2].isupper() else title[:1].lower() + title[1:]

    @property
    def text(self) -> str:
        """Everything in a few words: `BCE .029 (trivial .128)`."""
        beside = "" if math.isnan(self.beside) else f" ({self.beside_name} {short_number(self.beside)})"
        is_share = self.metric.spec.bounds == (0.0, 1.0)
        value = short_number(round(self.value, 2) if is_share else self.value)
        return f"{self.title} {value}{beside}"


def headlines(
    metrics: Mapping[str, float], baselines: Mapping[str, float] | None = None, *, most: int = MOST
) -> list[Headline]:
    """Choose the headline metrics among those at hand, in the order of the metric table.

    Args:
        metrics: Name to number, as in `metrics.json`.
        baselines: Trivial predictions by their names, `baseline/pitch/bce`; None looks among the metrics.
        most: At most so many.
    """
    trivial = metrics if baselines is None else baselines
    found = headline_of(all_metrics({*metrics, *trivial}))
    return [_headline(one, metrics, trivial) for one in found if one.name in metrics][:most]


def _headline(metric: Metric, metrics: Mapping[str, float], trivial: Mapping[str, float]) -> Headline:
    value = metrics[metric.name]
    if metric.target:
        return Headline(metric, value, metrics.get(metric.target, math.nan), "real")
    sign = -1.0 if metric.better == "higher" else 1.0
    beside = [sign * number for name, number in _of_same_leaf(metric, trivial) if math.isfinite(number)]
    return Headline(metric, value, sign * min(beside)) if beside else Headline(metric, value)


def _of_same_leaf(metric: Metric, metrics: Mapping[str, float]) -> Iterable[tuple[str, float]]:
    return (
        (name, number)
        for name, number in metrics.items()
        if name.startswith("baseline/") and name.rpartition("/")[2] == metric.leaf
    )


def short_number(value: float) -> str:
    """Write a number with three digits and without a leading zero: `.029`, `14.1`, `1,110`, `–` for none."""
    if not math.isfinite(value):
        return "–" if math.isnan(value) else f"{value}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:.3g}"
