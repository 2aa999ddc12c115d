"""The metrics of one run or folder as tables: held-out real music beside what was generated."""

import math
from collections.abc import Mapping

from musicgen.measure.spec import Metric, all_metrics, headline_of
from musicgen.reports.tables.numbers import decimals_for, format_number
from musicgen.reports.tables.render import to_markdown
from musicgen.reports.tables.table import Cell, Column, Line, Table

REAL = Column("held-out real", mark="dim")
COLUMNS = (
    Column("metric", numeric=False),
    Column("value"),
    REAL,
    Column("meaning", numeric=False, mark="dim"),
)


def metric_tables(metrics: Mapping[str, float]) -> list[Table]:
    """Lay metrics out by the groups of the table of metrics, headline metrics first.

    Args:
        metrics: Name to number, as in `metrics.json`.

    Returns:
        A table a group, each real metric beside its generated counterpart.
    """
    paired = {f"real/{name.removeprefix('generated/')}" for name in metrics if name.startswith("generated/")}
    described = [one for one in all_metrics(metrics) if one.name not in paired]
    leading = headline_of(described)
    groups = {"Headline": leading} if leading else {}
    for one in described:
        if one not in leading:
            groups.setdefault(one.spec.group, []).append(one)
    return [_table(title, members, metrics) for title, members in groups.items()]


def metrics_text(metrics: Mapping[str, float]) -> str:
    """Write all metrics as Markdown, for TensorBoard's text tab."""
    return "\n".join(map(to_markdown, metric_tables(metrics)))


def _table(title: str, described: list[Metric], metrics: Mapping[str, float]) -> Table:
    lines = []
    has_real = any(name.startswith("real/") for name in metrics)
    columns = COLUMNS if has_real else tuple(column for column in COLUMNS if column is not REAL)
    for one in described:
        value = metrics[one.name]
        other = f"real/{one.name.removeprefix('generated/')}" if one.name.startswith("generated/") else ""
        real = metrics.get(other, math.nan)
        decimals = decimals_for([number for number in (value, real) if math.isfinite(number)])
        cells = (
            Cell(f"{one.title} {one.arrow}".strip(), one.name),
            Cell(format_number(value, decimals), value),
            *([Cell("" if math.isnan(real) else format_number(real, decimals), real)] if has_real else []),
            Cell(one.spec.meaning),
        )
        lines.append(Line(cells, explanation=one.explanation))
    return Table(columns, tuple(lines), title=title)
