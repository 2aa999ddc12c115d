"""The tables of a comparison, the same on the screen, in Markdown and on the page."""

import math
from collections.abc import Sequence

from musicgen.measure.spec import Metric
from musicgen.measure.statistics import Contrast
from musicgen.reports.compare.comparison import Comparison, Row, target_of
from musicgen.reports.compare.verdict import Verdict, best_rows, verdict_of
from musicgen.reports.tables.numbers import MAX_DECIMALS, SIGNIFICANT, decimals_for, format_number
from musicgen.reports.tables.table import Cell, Column, Line, Table

MAX_COLUMNS = 6  # more runs than that are written as lines
REAL, TRIVIAL = "real", "trivial"


def runs_table(comparison: Comparison, rows: Sequence[Row]) -> Table:
    """List the runs with the settings that set them apart, the only place that does.

    Args:
        comparison: The comparison.
        rows: `rows` or `groups`, or some of them.
    """
    columns = [Column("run", numeric=False), *_setting_columns(comparison, rows)]
    counted = any(len(row.members) > 1 for row in rows)
    stated = any(row.status != "done" for row in rows)
    if counted:
        columns.append(Column("n", explanation="How many runs are averaged."))
    if stated:
        columns.append(Column("status", numeric=False))
    lines = []
    for row in rows:
        cells = [_number_cell(row), *map(_setting_cell, row.settings)]
        cells += [Cell(str(len(row.members)), len(row.members))] if counted else []
        if stated:
            done = row.status == "done"
            text = row.reason if row.reason and len(row.members) > 1 else row.status
            cells.append(Cell("" if done else text, mark="" if done else "warning"))
        lines.append(Line(tuple(cells), explanation=row.name, key=_key(row)))
    return Table(tuple(columns), tuple(lines))


def metrics_table(comparison: Comparison, rows: Sequence[Row], metrics: Sequence[Metric]) -> Table:
    """Show metrics of the rows of one data set, with real music and the trivial predictions beside them.

    Args:
        comparison: The comparison.
        rows: Rows of one data set.
        metrics: Those to show.

    Returns:
        A line a metric and a column a row where rows are few; else a line a row.
    """
    verdicts = {metric.name: verdict_of(comparison, metric, rows) for metric in metrics}
    best = {metric.name: best_rows(comparison, metric, rows, verdicts[metric.name]) for metric in metrics}
    texts = {metric.name: cell_texts(metric, rows, best[metric.name]) for metric in metrics}
    cells = {
        metric.name: [
            Cell(text, row.cells[metric.name].mean, mark="best" if place in best[metric.name] else "")
            for place, (text, row) in enumerate(zip(texts[metric.name], rows, strict=True))
        ]
        for metric in metrics
    }
    notes = tuple(f"{one.metric.title}: {one.text}." for one in verdicts.values() if one)
    if not is_wide(rows):
        return _rows_as_lines(comparison, rows, metrics, cells, verdicts, notes)
    real = {metric.name: real_text(metric, rows, best[metric.name]) for metric in metrics}
    columns = [Column("metric", numeric=False), *(Column(_head(row), key=_key(row)) for row in rows)]
    columns += [Column(REAL, mark="dim", explanation="Held-out real music")] if any(real.values()) else []
    if any(verdicts.values()):
        columns.append(Column(TRIVIAL, mark="dim", explanation="The strongest trivial prediction"))
    lines = []
    for metric in metrics:
        line = [Cell(_title(metric), metric.name), *cells[metric.name]]
        line += [Cell(real[metric.name])] if any(real.values()) else []
        line += [_verdict_cell(verdicts[metric.name])] if any(verdicts.values()) else []
        lines.append(Line(tuple(line), explanation=metric.explanation, key=_metric_key(comparison, metric)))
    return Table(tuple(columns), tuple(lines), notes=notes)


def contrasts_table(contrasts: Sequence[Contrast], numbers: dict[str, str]) -> Table:
    """Write tests between groups, n always stated, "–" for what few runs cannot tell.

    Args:
        contrasts: The tests.
        numbers: Short name of each group.
    """
    heads = ("metric", "group", "minus", "difference", "95 % interval", "p", "p (Holm)", "n")
    columns = tuple(Column(head, numeric=head not in ("metric", "group", "minus")) for head in heads)
    lines = []
    for one in contrasts:
        decimals = decimals_for([one.difference])
        low, high = (format_number(value, decimals) for value in (one.low, one.high))
        texts = [one.metric, numbers.get(one.first, one.first), numbers.get(one.second, one.second)]
        texts += [format_number(one.difference, decimals), "–" if math.isnan(one.low) else f"{low} to {high}"]
        texts += [_p_text(one.p), _p_text(one.p_holm), f"{one.n_first}, {one.n_second}"]
        lines.append(Line(tuple(map(Cell, texts))))
    return Table(columns, tuple(lines), title="Do the groups differ?" if lines else "")


def cell_texts(metric: Metric, rows: Sequence[Row], best: frozenset[int] = frozenset()) -> list[str]:
    """Write one metric of all rows with the same number of decimals: `0.0388`, `0.0388 ± 0.0012`.

    Args:
        metric: The metric.
        rows: Runs or groups.
        best: Which are best: the best and the next must not look the same.

    Returns:
        One text a row, "–" where a row has no value; an interval from three runs on.
    """
    decimals = column_decimals(metric, rows, best)
    cells = [row.cells[metric.name] for row in rows]
    return [
        format_number(cell.mean, decimals)
        + (f" ± {format_number(cell.half_width, decimals)}" if cell.half_width > 0 and cell.n > 2 else "")
        for cell in cells
    ]


def column_decimals(metric: Metric, rows: Sequence[Row], best: frozenset[int] = frozenset()) -> int:
    """Choose the decimals of a metric, as `cell_texts` writes it."""
    means = [row.cells[metric.name].mean for row in rows]
    cells = [row.cells[metric.name] for row in rows]
    spreads = sorted(cell.half_width for cell in cells if cell.half_width > 0 and cell.n > 2)
    decimals = decimals_for(means)
    if spreads:  # two digits of the usual interval say enough
        decimals = min(decimals, max(0, 1 - math.floor(math.log10(spreads[len(spreads) // 2]))))
    top = {format_number(means[index], decimals) for index in best}
    alike = any(format_number(mean, decimals) in top for index, mean in enumerate(means) if index not in best)
    return min(decimals + 2, MAX_DECIMALS) if alike else decimals


def real_text(metric: Metric, rows: Sequence[Row], best: frozenset[int] = frozenset()) -> str:
    """Write the real metric that a generated one should come close to; nothing where rows disagree."""
    known = {value for row in rows if not math.isnan(value := target_of(metric, row))}
    if len(known) != 1:
        return ""
    value = known.pop()
    decimals = max(column_decimals(metric, rows, best), min(SIGNIFICANT, decimals_for([value])))
    return format_number(value, decimals)


def listed_metrics(comparison: Comparison, rows: Sequence[Row]) -> list[Metric]:
    """List the metrics that need a place of their own: all but baselines and what stands under "real"."""
    said = {metric.target for metric in comparison.metrics if real_text(metric, rows)}
    return [one for one in comparison.metrics if one.name not in said and not one.is_trivial]


def is_wide(rows: Sequence[Row]) -> bool:
    """Say whether there are so few rows that they read better as columns."""
    return len(rows) <= MAX_COLUMNS


def _rows_as_lines(
    comparison: Comparison,
    rows: Sequence[Row],
    metrics: Sequence[Metric],
    cells: dict[str, list[Cell]],
    verdicts: dict[str, Verdict | None],
    notes: tuple[str, ...],
) -> Table:
    columns = [Column("run", numeric=False), *_setting_columns(comparison, rows)]
    counted = any(len(row.members) > 1 for row in rows)
    columns += [Column("n", explanation="How many runs are averaged.", key="setting n")] if counted else []
    for metric in metrics:
        real, verdict = real_text(metric, rows), verdicts[metric.name]
        beside = [f"{REAL} {real}" if real else "", f"{TRIVIAL} {verdict.value_text}" if verdict else ""]
        note = ", ".join(filter(None, beside))
        key = _metric_key(comparison, metric)
        columns.append(Column(_title(metric), note=note, explanation=metric.explanation, key=key))
    lines = [
        Line(
            (
                Cell(_head(row), row.number),
                *map(_setting_cell, row.settings),
                *([Cell(str(len(row.members)), len(row.members))] if counted else []),
                *(cells[one.name][place] for one in metrics),
            ),
            explanation=row.name,
            key=_key(row),
            mark="" if row.status == "done" else "warning",
        )
        for place, row in enumerate(rows)
    ]
    return Table(tuple(columns), tuple(lines), notes=notes)


def _setting_columns(comparison: Comparison, rows: Sequence[Row]) -> list[Column]:
    return [Column(label, key=f"setting {label}") for label in comparison.labels(rows)]


def _setting_cell(text: str) -> Cell:
    return Cell(text, text)


def _number_cell(row: Row) -> Cell:
    return Cell(row.number, row.number)


def _head(row: Row) -> str:
    return row.number if row.status == "done" or len(row.members) > 1 else f"{row.number} {row.status}"


def _title(metric: Metric) -> str:
    return f"{metric.title}\N{NO-BREAK SPACE}{metric.arrow}".strip()


def _key(row: Row) -> str:
    return f"row {row.number}"


def _metric_key(comparison: Comparison, metric: Metric) -> str:
    return f"metric {comparison.metrics.index(metric)}"


def _verdict_cell(verdict: Verdict | None) -> Cell:
    if verdict is None:
        return Cell("")
    return Cell(verdict.value_text, verdict.values[0], mark="warning" if not verdict.winners else "")


def _p_text(p: float) -> str:
    return "–" if math.isnan(p) else "<.001" if p < 0.001 else f"{p:.3f}"
