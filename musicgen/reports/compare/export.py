"""A comparison for other programs: CSV, Parquet, Markdown, rows of values for a data frame."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from musicgen.measure.spec import headline_of
from musicgen.reports.compare.comparison import Comparison, Row
from musicgen.reports.compare.tables import contrasts_table, listed_metrics, metrics_table, runs_table
from musicgen.reports.compare.verdict import run_warnings
from musicgen.reports.runs.differences import differing_settings, run_names
from musicgen.reports.runs.runs import Run
from musicgen.reports.runs.settings import MISSING, value_text
from musicgen.reports.tables.render import escaped, to_csv, to_markdown
from musicgen.reports.tables.table import Cell, Column, Line, Table

if TYPE_CHECKING:
    import pandas as pd


def run_rows(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Write runs as plain dicts, one a run, for a table of any kind.

    Args:
        runs: The runs.

    Returns:
        `run` (name), `folder`, `status`, `reason`, then every setting that differs and every metric
        that any run has; None where a run does not have it.
    """
    settings = differing_settings(runs)
    metrics = list(dict.fromkeys(name for run in runs for name in run.metrics))
    return [
        {"run": name, "folder": str(run.folder), "status": run.status, "reason": run.reason}
        | {setting.key: setting.values[index] for setting in settings}
        | {metric: run.metrics.get(metric) for metric in metrics}
        for index, (run, name) in enumerate(zip(runs, run_names(runs, settings), strict=True))
    ]


def runs_frame(runs: Sequence[Run]) -> "pd.DataFrame":
    """Make a pandas frame of the rows of `run_rows`.

    Args:
        runs: The runs.

    Returns:
        One row a run.

    Raises:
        ImportError: pandas is not installed; `run_rows` does without.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError(
            "runs_frame needs pandas: pip install 'musicgen-lab[frames]', or use run_rows, a list of dicts"
        ) from error
    return pd.DataFrame(run_rows(runs))


def write_csv(comparison: Comparison, folder: Path) -> dict[str, Path]:
    """Write `comparison.csv`, a row a run, and beside it `_groups.csv` and `_tests.csv` where there are any.

    Args:
        comparison: The comparison.
        folder: Where to write.

    Returns:
        The files written, by kind.
    """
    numbers = [{"number": row.number} for row in comparison.rows]
    runs = [number | row for number, row in zip(numbers, run_rows(comparison.runs), strict=True)]
    tables = {"csv": ("comparison.csv", runs)}
    if comparison.is_grouped:
        rows = [_group_row(comparison, group) for group in comparison.groups]
        tables["groups"] = ("comparison_groups.csv", rows)
    if comparison.contrasts:
        tables["tests"] = ("comparison_tests.csv", [asdict(one) for one in comparison.contrasts])
    files = {}
    for kind, (name, rows) in tables.items():
        files[kind] = folder / name
        files[kind].write_text(to_csv(_value_table(rows)), encoding="utf-8")
    return files


def write_parquet(comparison: Comparison, folder: Path) -> Path:
    """Write `comparison.parquet`: a row a run, numbers as numbers, settings of mixed kinds as texts.

    Args:
        comparison: The comparison.
        folder: Where to write.

    Returns:
        The file.

    Raises:
        ImportError: pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise ImportError("Parquet needs pyarrow: pip install 'musicgen-lab[frames]'") from error
    rows = run_rows(comparison.runs)
    columns = {name: _column([row[name] for row in rows]) for name in rows[0]}
    path = folder / "comparison.parquet"
    pq.write_table(pa.table(columns), path)
    return path


def write_markdown(comparison: Comparison, folder: Path) -> Path:
    """Write `comparison.md`: what differs, all metrics with the best in bold, tests, what did not finish.

    Args:
        comparison: The comparison.
        folder: Where to write.

    Returns:
        The file.
    """
    rows = comparison.shown
    parts = [to_markdown(runs_table(comparison, rows))]
    for data_set, members in comparison.parts(rows):
        leading = headline_of(comparison.metrics)
        others = [metric for metric in listed_metrics(comparison, members) if metric not in leading]
        heading = f"Measured on {escaped(data_set.label)}:\n\n" if data_set.label else ""
        parts.append(heading + to_markdown(metrics_table(comparison, members, [*leading, *others])))
    parts.append("↓ lower, ↑ higher, → closer to held-out real music is better; the best is bold.\n")
    if comparison.is_grouped:
        parts.append("± half the width of Student's 95 % interval of the mean, from three runs on.\n")
    if comparison.contrasts:
        numbers = {group.name: group.number for group in comparison.groups}
        parts.append(to_markdown(contrasts_table(comparison.contrasts, numbers)))
    remarks = [f"- {row.number} {row.status}: {escaped(row.reason)}" for row in comparison.unfinished]
    remarks += [f"- {row.number}: {text}" for row, text in run_warnings(comparison)]
    path = folder / "comparison.md"
    path.write_text("\n".join([*parts, *remarks]).rstrip("\n") + "\n", encoding="utf-8")
    return path


def _value_table(rows: Sequence[dict[str, Any]]) -> Table:
    lines = tuple(Line(tuple(Cell("", _plain(value)) for value in row.values())) for row in rows)
    return Table(tuple(Column(str(name)) for name in rows[0]), lines)


def _plain(value: Any) -> float | int | str:
    """Leave a cell empty where there is no value."""
    return "" if value is None else value if isinstance(value, int | float) else str(value)


def _column(values: list[Any]) -> list[Any]:
    """Make a column of one type: numbers, truths or texts, with gaps where a run has no value."""
    kinds = {type(value) for value in values if value is not None and value != MISSING}
    if kinds <= {bool} or kinds <= {int, float}:
        kind = float if float in kinds else lambda value: value
        return [None if value is None or value == MISSING else kind(value) for value in values]
    return [None if value == MISSING else value_text(value) for value in values]


def _group_row(comparison: Comparison, group: Row) -> dict[str, Any]:
    row: dict[str, Any] = {"number": group.number, "group": group.name, "runs": len(group.members)}
    row |= {"note": group.reason, **dict(zip(comparison.group_settings, group.settings, strict=True))}
    for metric in comparison.metrics:
        summary = group.cells[metric.name]
        row |= {metric.name: summary.mean, f"{metric.name} n": summary.n}
        row |= {f"{metric.name} sd": summary.sd, f"{metric.name} ±": summary.half_width}
    return row
