"""What is known of a metric wherever it is shown: title, unit, range, better direction, meaning."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from musicgen.music.notes import Performance

Better = Literal["lower", "higher", "closer", "none"]
UNBOUNDED = (-math.inf, math.inf)


@dataclass(frozen=True)
class MetricSpec:
    """Everything that tables, pages, charts and docs say about a metric.

    Attributes:
        name: The end of the names it describes, as in `metrics.json`: `bce` describes `vq_vae/val/bce` and
            `vq_vae/train/bce`. A longer end wins over a shorter one (`transformer/perplexity`); one that ends
            with a slash describes a family (`oa/` describes `generated/oa/pitch_range`).
        title: A few words for a heading.
        unit: Unit of the number, empty for a ratio or a count of nothing in particular.
        better: `lower` or `higher`; `closer` to the same metric of held-out real music; `none`.
        bounds: Least and greatest value that the definition allows.
        meaning: One sentence for a reader who does not know the metric.
        chart: Title of the TensorBoard chart that its curves share, empty for none.
        group: Heading under which tables fold it.
        measure: Takes the metric of one piece, NaN where it does not apply; None where it comes from a
            model or from all pieces together.
        headline: Place among the metrics that are shown first, from 1; 0 for the rest.

    Raises:
        ValueError: The name is empty, or the better direction is unknown.
    """

    name: str
    title: str
    unit: str = ""
    better: str = "none"  # one of Better; a yaml file may say anything
    bounds: tuple[float, float] = UNBOUNDED
    meaning: str = ""
    chart: str = ""
    group: str = "Other"
    measure: Callable[[Performance], float] | None = None
    headline: int = 0

    def __post_init__(self) -> None:
        """Check what a yaml file may have got wrong."""
        if not self.name.strip("/"):
            raise ValueError(f"name={self.name!r} of a metric is empty; use a name such as leap_rate")
        check_better(self.name, self.better)

    @property
    def range_text(self) -> str:
        """Write unit and range: `bits, 0 to 3.585`; empty where nothing is known."""
        low, high = self.bounds
        limits = ""
        if math.isfinite(low) and math.isfinite(high):
            limits = f"{low:.4g} to {high:.4g}"
        elif math.isfinite(low):
            limits = f"{low:.4g} or more"
        elif math.isfinite(high):
            limits = f"at most {high:.4g}"
        return ", ".join(filter(None, [self.unit, limits]))


def check_better(name: str, better: str) -> Better:
    """Check a direction that comes from outside.

    Raises:
        ValueError: It is none of lower, higher, closer, none.
    """
    if better not in get_args(Better):
        raise ValueError(f"better[{name}]={better!r} is none of {', '.join(get_args(Better))}")
    return better  # pyright: ignore[reportReturnType]
