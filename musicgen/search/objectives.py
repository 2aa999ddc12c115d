"""Objectives of a search: one metric of the runs, or two to trade off."""

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from musicgen.measure.spec import METRICS, Better, Metric, metric


@dataclass(frozen=True)
class Objective:
    """A metric of `metrics.json` and its better direction."""

    metric: Metric

    @property
    def name(self) -> str:
        """The metric's name."""
        return self.metric.name

    @property
    def direction(self) -> str:
        """Optuna's direction; a metric where closer is better is minimised as a distance."""
        return "maximize" if self.metric.better == "higher" else "minimize"

    def value(self, metrics: Mapping[str, float]) -> float:
        """Compute the objective from a run's final metrics.

        Args:
            metrics: Name to number.

        Returns:
            The metric, or its distance from that of held-out real music if closer is better.

        Raises:
            ValueError: The run has no such metric.
        """
        for name in filter(None, (self.name, self.metric.target)):
            if name not in metrics:
                nearest = difflib.get_close_matches(name, metrics, n=3, cutoff=0.4)
                raise ValueError(
                    f"metrics: the runs have no metric {name!r}; nearest: {', '.join(nearest) or 'none'}"
                )
        value = metrics[self.name]
        if self.metric.better != "closer":
            return math.nan if value is None else value
        return self.metric.badness(value, metrics[self.metric.target])


def read_objectives(
    names: Sequence[str], better: Mapping[str, Better] | None = None
) -> tuple[Objective, ...]:
    """Read the objectives of a search.

    Args:
        names: One metric or two.
        better: Metric to lower, higher or closer, for metrics without a known direction.

    Returns:
        The objectives.

    Raises:
        ValueError: There are none or more than two, or a better direction is unknown.
    """
    if len(set(names)) not in (1, 2):
        raise ValueError(f"metrics={list(names)}; use one metric, or two to trade off")
    known = [*names, *("real/" + name.removeprefix("generated/") for name in names)]
    objectives = tuple(Objective(metric(name, known, better)) for name in names)
    for objective in objectives:
        if objective.metric.better == "none":
            near = difflib.get_close_matches(objective.metric.leaf, METRICS, n=1)
            raise ValueError(
                f"metrics: the better direction of {objective.name} is unknown; "
                f"set better={{{objective.name}:lower}}, higher or closer"
                + (f"; did you mean {near[0]}?" if near else "")
            )
    return objectives
