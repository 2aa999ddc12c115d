"""The metrics of one run or folder as a table: held-out real music beside what was generated."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from musicgen.measure.spec import all_metrics
from musicgen.reports.tables.numbers import decimals_for, format_number

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True)
class MetricRow:
    """A row of the table.

    Attributes:
        group: What the metric belongs to, such as `vq_vae/val` or `generated`.
        name: Its whole name.
        title: Its heading.
        value: As text.
        arrow: Which way is better: ↓, ↑, → (towards the real metric) or nothing.
        real: The same metric of held-out real music, as text, or nothing.
        meaning: What it says, where that is known.
    """

    group: str
    name: str
    title: str
    value: str
    arrow: str
    real: str
    meaning: str


def metric_rows(metrics: Mapping[str, float]) -> list[MetricRow]:
    """Lay metrics out in reading order, each real one beside its generated counterpart.

    Args:
        metrics: Name to number, as in `metrics.json`.
    """
    paired = {f"real/{name.removeprefix('generated/')}" for name in metrics if name.startswith("generated/")}
    rows = []
    for metric in all_metrics(metrics):
        if metric.name in paired:
            continue
        value = metrics[metric.name]
        other = f"real/{metric.name.removeprefix('generated/')}"
        real = metrics.get(other, math.nan) if metric.name.startswith("generated/") else math.nan
        decimals = decimals_for([one for one in (value, real) if math.isfinite(one)] or [0.0])
        rows.append(
            MetricRow(
                group=metric.group,
                name=metric.name,
                title=metric.title,
                value=format_number(value, decimals),
                arrow=metric.arrow,
                real="" if math.isnan(real) else format_number(real, decimals),
                meaning=metric.spec.meaning,
            )
        )
    return rows


def screen_metrics(metrics: Mapping[str, float]) -> "Table":
    """Make the table for a terminal: name, value, the better direction, held-out real music."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("metric")
    table.add_column("value", justify="right")
    table.add_column("")
    table.add_column("held-out real", justify="right")
    group = ""
    for row in metric_rows(metrics):
        if group and row.group != group:
            table.add_section()
        group = row.group
        table.add_row(row.name, row.value, row.arrow, row.real)
    return table
