"""The table of all metrics, and what it says of a name in `metrics.json` or in an event file."""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from musicgen.measure.metric_spec import Better, MetricSpec, check_better
from musicgen.measure.specs.model_specs import ENDINGS, MODEL
from musicgen.measure.specs.music_specs import MUSIC
from musicgen.measure.specs.rendering_specs import RENDERING

__all__ = ["METRICS", "Better", "Metric", "MetricSpec", "all_metrics", "best_of", "metric", "register"]

METRICS: dict[str, MetricSpec] = {spec.name: spec for spec in (*MODEL, *MUSIC, *RENDERING)}
"""Name to description, in reading order; `register` adds to it."""

ARROWS: dict[Better, str] = {"lower": "↓", "higher": "↑", "closer": "→", "none": ""}
SPLITS = {"val": "", "train": "training", "step": "last batch"}
ENDS = {"low": "low end", "high": "high end"}
BASELINES = {
    "constant": "one average for all cells",
    "pitch": "per-pitch average",
    "unigram": "code frequencies",
    "bigram": "code pairs",
    "chain": "chain from tick to tick",
    "flat": "flat rendering",
}
"""What trivial predictions are called: `baseline/pitch/bce` is the BCE of the per-pitch average."""

FIRST = "Held out/"
"""Group of the headline curves in TensorBoard, which sorts by name: they are written once more under it."""

_ENDINGS = {spec.name: spec for spec in ENDINGS}
_STAGES = ("vq_vae", "transformer")  # read in this order; others follow


def register(spec: MetricSpec) -> MetricSpec:
    """Add a metric to the table, or replace the one of its name.

    One with a function is taken of every generated and every held-out real piece from then on, and appears
    as `generated/NAME` and `real/NAME` in `metrics.json`, on pages and in TensorBoard.

    Args:
        spec: The metric.

    Returns:
        The same, so that a yaml's `_target_` may name this function.
    """
    METRICS[spec.name] = spec
    return spec


@dataclass(frozen=True)
class Metric:
    """A metric under its full name, with its description and the direction that holds there."""

    name: str  # vq_vae/val/bce
    spec: MetricSpec
    better: Better
    target: str = ""  # of "closer": the name of the held-out real metric, real/...

    @property
    def group(self) -> str:
        """The part of the name before the last slash: vq_vae/val."""
        return self.name.rpartition("/")[0]

    @property
    def leaf(self) -> str:
        """The last part of the name: bce."""
        return self.name.rpartition("/")[2]

    @property
    def arrow(self) -> str:
        """The sign of the better direction: ↓, ↑, → (towards the real metric) or nothing."""
        return ARROWS[self.better]

    @property
    def title(self) -> str:
        """The heading: `BCE`, `BCE, training`, `BCE of the per-pitch average`."""
        parts = self.name.split("/")
        if self.is_trivial:
            return f"{self.spec.title} of the {BASELINES.get(parts[1], parts[1])}"
        notes = [SPLITS.get(part, "") for part in parts[:-1]]
        notes += [ENDS[parts[-1]]] if len(parts) > 1 and parts[-1] in ENDS else []
        notes += ["held-out real"] if parts[0] == "real" else []
        return ", ".join([self.spec.title, *filter(None, notes)])

    @property
    def first_tag(self) -> str:
        """Its name in the group of headline curves; empty for other metrics."""
        return FIRST + self.spec.title if self.is_headline else ""

    @property
    def explanation(self) -> str:
        """One line: name, unit and range, what it measures."""
        known = " · ".join(filter(None, [self.name, self.spec.range_text]))
        return ": ".join(filter(None, [known, self.spec.meaning]))

    @property
    def is_trivial(self) -> bool:
        """Whether this is what a trivial prediction reaches: baseline/pitch/bce."""
        return self.name.startswith("baseline/") and self.name.count("/") > 1

    @property
    def is_headline(self) -> bool:
        """Whether a table that cannot show all shows this one."""
        parts = self.name.split("/")
        return (
            self.spec.headline > 0 and (parts[0] == "generated" or "val" in parts) and parts[-1] not in ENDS
        )

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


def spec_of(name: str) -> MetricSpec:
    """Look up what is known of a name.

    The longest registered end of the name decides, splits and interval ends aside; then a family; then the
    usual endings (`_loss`, `_f1`, …). Metrics that nobody described keep their own name as title.

    Args:
        name: As in `metrics.json` or an event file.

    Returns:
        A description; without a direction where nothing is known.
    """
    parts = [part for part in name.split("/") if part not in SPLITS]
    if len(parts) > 1 and parts[-1] in ENDS:
        parts = parts[:-1]
    for start, part in enumerate(parts[:-1]):
        family = METRICS.get(f"{part}/")
        if family:
            leaf = METRICS.get("/".join(parts[start + 1 :]))
            title = leaf.title.lower() if leaf else parts[-1].replace("_", " ")
            return dataclasses.replace(family, title=f"{family.title}: {title}")
    for start in range(len(parts)):
        if "/".join(parts[start:]) in METRICS:
            return METRICS["/".join(parts[start:])]
    words = parts[-1].split("_")
    known = [_ENDINGS[end] for start in range(len(words)) if (end := "_".join(words[start:])) in _ENDINGS]
    base = known[0] if known else MetricSpec(name=parts[-1] or name, title="")
    group = "Training" if len(parts) > 1 and parts[0] not in ("generated", "real", "baseline") else "Other"
    return dataclasses.replace(base, name=parts[-1] or name, title=_words(parts[-1]) or name, group=group)


def metric(name: str, known: Iterable[str] = (), better: Mapping[str, str] | None = None) -> Metric:
    """Describe a metric and decide which way it is better.

    A description of generated music (`generated/polyphony`) is the better the closer it comes to
    the same description of held-out real music (`real/polyphony`), where there is one.

    Args:
        name: The metric's name.
        known: The names of all metrics at hand.
        better: Directions that override the table, by name.

    Returns:
        The metric with its direction.

    Raises:
        ValueError: A direction in `better` is none of lower, higher, closer, none.
    """
    spec, parts = spec_of(name), name.split("/")
    real = "real/" + name.removeprefix("generated/")
    has_real = parts[0] == "generated" and real in set(known)
    if better and name in better:
        direction = check_better(name, better[name])
    elif parts[0] in ("baseline", "real") or parts[-1] in ENDS:
        direction = "none"
    elif parts[0] == "generated" and spec.better == "none" and spec.name not in METRICS:
        direction = "closer"  # what nobody described, too
    else:
        direction = check_better(name, spec.better)
    if direction == "closer" and not has_real and not (better and name in better):
        direction = "none"
    return Metric(name, spec, direction, real if direction == "closer" else "")


def all_metrics(names: Iterable[str], better: Mapping[str, str] | None = None) -> tuple[Metric, ...]:
    """Describe every metric, in reading order.

    Args:
        names: Names of metrics, repeated or not.
        better: As for `metric`.

    Returns:
        Whole-model metrics first, then the stages, generated music, training metrics, baselines.
    """
    known = set(names)
    order = {name: place for place, name in enumerate(METRICS)}
    described = [metric(name, known, better) for name in known]
    return tuple(
        sorted(described, key=lambda one: (*_place(one.name), order.get(one.spec.name, 999), one.name))
    )


def headline_of(metrics: Iterable[Metric]) -> list[Metric]:
    """Choose the metrics that are shown first, in their order."""
    return sorted((one for one in metrics if one.is_headline), key=lambda one: (one.spec.headline, one.name))


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


def _words(leaf: str) -> str:
    text = leaf.replace("_", " ").strip()
    return text[:1].upper() + text[1:]


def _place(name: str) -> tuple[int, int, str]:
    """Sort by what is measured: held-out, generated, real, training, cost, baselines; then by stage."""
    parts = name.split("/")
    first = parts[0]
    stage = _STAGES.index(first) if first in _STAGES else len(_STAGES)
    if first == "val" or len(parts) == 1:
        return 0, 0, ""
    if "val" in parts[:-1]:
        return 1, stage, first
    order = {"generated": 2, "rendered": 2, "real": 3, "model": 6, "time": 6, "baseline": 7}
    if first in order:
        return order[first], 0, ""
    return (4 if "train" in parts else 5), stage, first
