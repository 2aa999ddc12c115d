"""A comparison as a value: runs side by side, grouped by what they can be compared on."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from musicgen.measure.spec import Metric, best_of
from musicgen.measure.statistics import Contrast, Summary
from musicgen.reports.runs.differences import Setting
from musicgen.reports.runs.runs import Run


@dataclass(frozen=True)
class Row:
    """One line of a comparison: a run, or the runs of a group."""

    number: str  # short name: 1, 2, 3; 2.1 for the first run of the second group
    name: str  # the settings that set it apart
    members: tuple[int, ...]  # positions in Comparison.runs
    settings: tuple[str, ...]  # one text a setting that the rows have; MISSING where the members differ
    cells: Mapping[str, Summary]  # by metric
    data: int = 0  # position in Comparison.data_sets
    status: str = "done"  # of a group: how many did not finish, if any
    reason: str = ""


@dataclass(frozen=True)
class DataSet:
    """Runs that were measured on the same held-out pieces; only these are compared with each other."""

    label: str  # what sets it apart from the others; empty where all runs have the same
    runs: tuple[int, ...]  # positions in Comparison.runs


@dataclass(frozen=True)
class Comparison:
    """Runs side by side: what differs, every metric, which is better."""

    runs: tuple[Run, ...]
    names: tuple[str, ...]  # one a run
    settings: tuple[Setting, ...]  # those that differ
    metrics: tuple[Metric, ...]
    rows: tuple[Row, ...]  # one a run
    groups: tuple[Row, ...]  # one a group of runs that differ by seed only, or as asked
    group_settings: tuple[str, ...]  # labels of the settings that the groups have
    data_sets: tuple[DataSet, ...]
    contrasts: tuple[Contrast, ...]
    shared: Mapping[str, Any]  # settings that are the same in all runs
    files: Mapping[str, Path] = field(default_factory=dict)  # what was written: csv, markdown, html

    @property
    def is_grouped(self) -> bool:
        """Whether any group has more than one run."""
        return any(len(group.members) > 1 for group in self.groups)

    @property
    def shown(self) -> tuple[Row, ...]:
        """The rows that tables show: groups where runs are averaged, else runs."""
        return self.groups if self.is_grouped else self.rows

    @property
    def unfinished(self) -> tuple[Row, ...]:
        """The runs that failed or have not ended."""
        return tuple(row for row in self.rows if row.status != "done")

    def labels(self, rows: Sequence[Row]) -> tuple[str, ...]:
        """List the headings of the rows' settings.

        Args:
            rows: `rows` or `groups`, or some of them.
        """
        of_groups = (
            bool(rows) and self.is_grouped and any(row is group for row in rows for group in self.groups)
        )
        return self.group_settings if of_groups else tuple(setting.label for setting in self.settings)

    def parts(self, rows: Sequence[Row]) -> list[tuple[DataSet, list[Row]]]:
        """Part rows by data set, without data sets that have none of them."""
        parts = [
            (data_set, [row for row in rows if row.data == place])
            for place, data_set in enumerate(self.data_sets)
        ]
        return [(data_set, found) for data_set, found in parts if found]

    def best(self, metric: Metric, rows: Sequence[Row]) -> frozenset[int]:
        """Find the rows that are best at a metric.

        Args:
            metric: One of `metrics`.
            rows: Rows of one data set.

        Returns:
            Positions in `rows`; empty where the metric has no better, all are equal, or the rows were
            measured on different pieces.
        """
        if len({row.data for row in rows}) > 1:
            return frozenset()
        values = [row.cells[metric.name].mean for row in rows]
        return best_of(metric, values, [target_of(metric, row) for row in rows])

    def varies(self, metric: Metric) -> bool:
        """Say whether two runs have different values of a metric."""
        values = {row.cells[metric.name].mean for row in self.rows}
        return len({value for value in values if not math.isnan(value)}) > 1


def target_of(metric: Metric, row: Row) -> float:
    """Look up the real metric that a generated one should come close to; NaN where there is none."""
    return row.cells[metric.target].mean if metric.target in row.cells else math.nan
