"""Which way each metric is better, in what order metrics are shown, and with how many digits."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

Better = Literal["lower", "higher", "closer", "none"]

# The first rule that matches the whole name decides. Descriptions of music have no better or worse
# of their own: see `metric`.
RULES: tuple[tuple[str, Better], ...] = (
    (r"(baseline|real)/.*|.*/pieces", "none"),
    (r".*(_f1|/f1|precision|recall|accuracy|auc|/oa|/oa/.*|_oa|overlap.*|_per_s|throughput)", "higher"),
    (
        r".*(bce|loss|commitment|codebook|nats_per_\w+|bits_per_\w+|/kld|/kld/.*|_kld|error|distance|frechet)",
        "lower",
    ),
    (r"vq_vae/.*(perplexity|codes_used)", "higher"),
    (r".*perplexity", "lower"),
    (r"time/.*|model/.*|.*/(silent|copied)_pieces", "lower"),
)
# What a table shows first where it cannot show all.
HEADLINE = (
    "val/bits_per_quarter",
    "vq_vae/val/bce",
    "vq_vae/val/cell_f1",
    "vq_vae/val/onset_f1",
    "vq_vae/val/note_f1",
    "vq_vae/val/perplexity",
    "vq_vae/val/codes_used",
    "transformer/val/nats_per_code",
)
GROUP_ORDER = (
    "val",
    "vq_vae/val",
    "transformer/val",
    "generated",
    "real",
    "vq_vae/train",
    "transformer/train",
    "model",
    "baseline",
)
ARROWS: dict[Better, str] = {"lower": "↓", "higher": "↑", "closer": "→", "none": ""}
SIGNIFICANT = 4  # digits of a column's largest value
MAX_DECIMALS = 6


@dataclass(frozen=True)
class Metric:
    """A metric of `metrics.json`, and which way it is better."""

    name: str  # vq_vae/val/bce
    better: Better
    target: str = ""  # of "closer": the name of the held-out real metric, real/...

    @property
    def group(self) -> str:
        """Give the part of the name before the last slash: vq_vae/val."""
        return self.name.rpartition("/")[0]

    @property
    def leaf(self) -> str:
        """Give the last part of the name: bce."""
        return self.name.rpartition("/")[2]

    @property
    def arrow(self) -> str:
        """Give the sign of the better direction: ↓, ↑, → (towards the real metric) or nothing."""
        return ARROWS[self.better]

    def badness(self, value: float, target: float = math.nan) -> float:
        """Turn a value into one that is smaller where the metric is better.

        Args:
            value: The metric's value.
            target: The real metric, for "closer".

        Returns:
            A number to compare; NaN where there is nothing to compare.
        """
        if self.better == "lower":
            return value
        if self.better == "higher":
            return -value
        return abs(value - target) if self.better == "closer" else math.nan


def metric(name: str, known: Iterable[str] = (), better: Mapping[str, Better] | None = None) -> Metric:
    """Decide which way a metric is better.

    A description of generated music (`generated/polyphony`) is the better the closer it comes to
    the same description of held-out real music (`real/polyphony`), where there is one.

    Args:
        name: The metric's name.
        known: The names of all metrics at hand.
        better: Directions that override the rules, by name.

    Returns:
        The metric with its direction.

    Raises:
        ValueError: A direction in `better` is none of lower, higher, closer, none.
    """
    real = "real/" + name.removeprefix("generated/")
    has_real = name.startswith("generated/") and real in set(known)
    if better and name in better:
        if better[name] not in get_args(Better):
            raise ValueError(f"better[{name}]={better[name]!r} is none of {', '.join(get_args(Better))}")
        return Metric(name, better[name], real if better[name] == "closer" else "")
    for pattern, direction in RULES:
        if re.fullmatch(pattern, name):
            return Metric(name, direction)
    return Metric(name, "closer", real) if has_real else Metric(name, "none")


def all_metrics(names: Iterable[str], better: Mapping[str, Better] | None = None) -> tuple[Metric, ...]:
    """Give every metric its direction, and put them in reading order.

    Args:
        names: Names of metrics, repeated or not.
        better: As for `metric`.

    Returns:
        Whole-model metrics first, then the stages, generated music, training metrics, baselines.
    """
    known = set(names)
    return tuple(metric(name, known, better) for name in sorted(known, key=_order))


def best_of(
    metric: Metric, values: Sequence[float], targets: Sequence[float] | None = None
) -> frozenset[int]:
    """Find which values are the best; none where there is no direction or all are equal.

    Args:
        metric: The metric.
        values: One value a row; NaN where a row has none.
        targets: For "closer": the real metric of each row.

    Returns:
        Positions of the best values: more than one where they tie.
    """
    targets = targets or [math.nan] * len(values)
    badness = [metric.badness(value, target) for value, target in zip(values, targets, strict=True)]
    finite = [value for value in badness if math.isfinite(value)]
    if len(finite) < 2 or min(finite) == max(finite):
        return frozenset()
    return frozenset(index for index, value in enumerate(badness) if value == min(finite))


def decimals_for(values: Iterable[float]) -> int:
    """Choose how many decimals a column is written with.

    Args:
        values: The column's values.

    Returns:
        Enough for four significant digits of the largest value, at most 6; none for whole numbers.
    """
    finite = [abs(value) for value in values if math.isfinite(value)]
    largest = max(finite, default=0.0)
    if largest == 0 or all(value == int(value) for value in finite):
        return 0
    return min(MAX_DECIMALS, max(0, SIGNIFICANT - 1 - math.floor(math.log10(largest))))


def format_number(value: float, decimals: int) -> str:
    """Write a number with so many decimals; one too small to show gets an exponent.

    Args:
        value: The number.
        decimals: How many decimals.

    Returns:
        A text, "–" for a value that is not there (NaN).
    """
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    text = f"{value:.{decimals}f}"
    return f"{value:.1e}" if value != 0 and not re.search("[1-9]", text) else text


def _order(name: str) -> tuple[int, int, str]:
    group = name.rpartition("/")[0]
    inside = HEADLINE.index(name) if name in HEADLINE else len(HEADLINE)
    known = [
        index for index, prefix in enumerate(GROUP_ORDER) if group == prefix or group.startswith(prefix + "/")
    ]
    return (known[0] if known else len(GROUP_ORDER), inside, name)
