"""A comparison for other programs: CSV, Parquet, Markdown, rows of values for a data frame."""

import csv
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from musicgen.reports.compare.aggregate import Comparison, Row
from musicgen.reports.compare.tables import (
    CONTRAST_HEADS,
    cell_texts,
    contrast_cells,
    is_wide,
    listed_metrics,
    real_texts,
)
from musicgen.reports.runs.differences import differing_settings, run_names
from musicgen.reports.runs.runs import Run
from musicgen.reports.runs.settings import MISSING, value_text

if TYPE_CHECKING:
    import pandas as pd


def run_rows(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Write runs as plain dicts, one a run, for a table of any kind.

    Args:
        runs: The runs.

    Returns:
        `run` (name), `folder`, `status`, `reason`, then every setting that differs and every metric
        that any run has; None where a run has it not.
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
    """Give the rows of `run_rows` as a pandas frame.

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
    files = {"csv": folder / "comparison.csv"}
    rows = [
        {"run": row.name, "folder": str(run.folder), "status": run.status, "reason": run.reason}
        | {setting.key: _cell(setting.values[row.members[0]]) for setting in comparison.settings}
        | {metric.name: _cell(run.metrics.get(metric.name)) for metric in comparison.metrics}
        for row, run in zip(comparison.rows, comparison.runs, strict=True)
    ]
    _write_rows(files["csv"], rows)
    if comparison.is_grouped:
        files["groups"] = folder / "comparison_groups.csv"
        _write_rows(files["groups"], [_group_cells(comparison, group) for group in comparison.groups])
    if comparison.contrasts:
        files["tests"] = folder / "comparison_tests.csv"
        _write_rows(
            files["tests"],
            [{name: _cell(v) for name, v in asdict(one).items()} for one in comparison.contrasts],
        )
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


def _column(values: list[Any]) -> list[Any]:
    """Give a column one type: numbers, truths or texts, with gaps where a run has no value."""
    kinds = {type(value) for value in values if value is not None and value != MISSING}
    if kinds <= {bool} or kinds <= {int, float}:
        kind = float if float in kinds else lambda value: value
        return [None if value is None or value == MISSING else kind(value) for value in values]
    return [None if value == MISSING else value_text(value) for value in values]


def write_markdown(comparison: Comparison, folder: Path) -> Path:
    """Write `comparison.md`: the final metrics with the best in bold, the tests, what did not finish.

    Args:
        comparison: The comparison.
        folder: Where to write.

    Returns:
        The file.
    """
    rows = comparison.groups if comparison.is_grouped else comparison.rows
    texts = {}
    for metric in comparison.metrics:
        best = comparison.best(metric, rows)
        cells = cell_texts(metric, rows, best)
        texts[metric.name] = [f"**{cell}**" if i in best else cell for i, cell in enumerate(cells)]
    names = [_escape(row.name) + (f" (n={len(row.members)})" if len(row.members) > 1 else "") for row in rows]
    heads = [f"{_escape(metric.name)} {metric.arrow}".strip() for metric in comparison.metrics]
    if is_wide(rows):
        real = real_texts(comparison, rows)
        lines = [["metric", *names, *(["held-out real"] if real else [])]]
        for metric in listed_metrics(comparison, rows):
            last = [real.get(metric.name, "")] if real else []
            lines.append([heads[comparison.metrics.index(metric)], *texts[metric.name], *last])
    else:
        lines = [["run", *heads]]
        lines += [
            [name, *(texts[metric.name][i] for metric in comparison.metrics)] for i, name in enumerate(names)
        ]
    text = _pipes(lines)
    text += "\n↓ lower, ↑ higher, → closer to the held-out real music is better; the best is bold.\n"
    if comparison.is_grouped:
        text += "± half the width of Student's 95 % interval of the mean over the runs of a group.\n"
    if comparison.contrasts:
        tests = [list(map(_escape, contrast_cells(contrast))) for contrast in comparison.contrasts]
        text += "\n" + _pipes([list(CONTRAST_HEADS), *tests])
    for row in comparison.unfinished:
        text += f"\n- {row.status}: {_escape(row.name)}: {_escape(row.reason)}"
    path = folder / "comparison.md"
    path.write_text(text.rstrip("\n") + "\n", encoding="utf-8")
    return path


def _pipes(lines: list[list[str]]) -> str:
    """Write lines of cells as a Markdown table, numbers to the right."""
    ruled = [lines[0], ["---", *["---:"] * (len(lines[0]) - 1)], *lines[1:]]
    return "\n".join("| " + " | ".join(line) + " |" for line in ruled) + "\n"


def _group_cells(comparison: Comparison, group: Row) -> dict[str, Any]:
    cells: dict[str, Any] = {"group": group.name, "runs": len(group.members), "note": group.reason}
    cells |= dict(zip(comparison.group_settings, group.settings, strict=True))
    for metric in comparison.metrics:
        summary = group.cells[metric.name]
        cells[metric.name] = _cell(summary.mean)
        cells[f"{metric.name} n"] = summary.n
        cells[f"{metric.name} sd"] = _cell(summary.sd)
        cells[f"{metric.name} ±"] = _cell(summary.half_width)
    return cells


def _write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _cell(value: Any) -> Any:
    """Leave a cell empty where there is no value."""
    return "" if value is None or (isinstance(value, float) and math.isnan(value)) else value


def _escape(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("`", "\\`")
    return " ".join(escaped.replace("*", "\\*").split())
