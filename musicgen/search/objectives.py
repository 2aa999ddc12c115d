"""What a search is after: one metric of the runs, or two that pull against each other."""

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from musicgen.measure.spec import METRICS, Better, Metric, metric


@dataclass(frozen=True)
class Objective:
    """A metric of `metrics.json` and which way it is better."""

    metric: Metric

    @property
    def name(self) -> str:
        """Give the metric's name."""
        return self.metric.name

    @property
    def direction(self) -> str:
        """Give the direction in the study: a metric that should come close is minimised in its distance."""
        return "maximize" if self.metric.better == "higher" else "minimize"

    def value(self, metrics: Mapping[str, float]) -> float:
        """Take the objective from a run's final metrics.

        Args:
            metrics: Name to number.

        Returns:
            The metric, or its distance from the held-out real one where closer is better.

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
    """Read what a search is after.

    Args:
        names: One metric or two.
        better: Metric to lower, higher or closer, where the table of metrics does not know it.

    Returns:
        The objectives.

    Raises:
        ValueError: None, three or more, or the better direction of one is not known.
    """
    if len(set(names)) not in (1, 2):
        raise ValueError(f"metrics={list(names)}; use one metric, or two that pull against each other")
    known = [*names, *("real/" + name.removeprefix("generated/") for name in names)]
    objectives = tuple(Objective(metric(name, known, better)) for name in names)
    for one in objectives:
        if one.metric.better == "none":
            near = difflib.get_close_matches(one.metric.leaf, METRICS, n=1)
            raise ValueError(
                f"metrics: nobody knows which way {one.name} is better; "
                f"say better={{{one.name}:lower}}, higher or closer"
                + (f"; or is {near[0]} meant?" if near else "")
            )
    return objectives
