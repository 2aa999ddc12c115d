"""A comparison on the terminal: what differs, the headline metrics, verdicts and warnings."""

import textwrap
from typing import TYPE_CHECKING

from musicgen.measure.spec import headline_of
from musicgen.reports.compare.comparison import Comparison, Row
from musicgen.reports.compare.tables import REAL, TRIVIAL, contrasts_table, is_wide, metrics_table, runs_table
from musicgen.reports.compare.verdict import lead_of, run_warnings
from musicgen.reports.runs.settings import MISSING
from musicgen.reports.tables.render import terminal_width, to_terminal, transposed
from musicgen.reports.tables.table import Cell, Column, Line, Table

if TYPE_CHECKING:
    from rich.console import Group, RenderableType


def print_comparison(comparison: Comparison, *, width: int | None = None) -> None:
    """Print a comparison on the terminal.

    Args:
        comparison: The comparison.
        width: Columns; None takes the terminal's.
    """
    from rich.console import Console

    console = Console(width=width)
    console.print(screen_table(comparison, width=console.width))


def screen_table(comparison: Comparison, *, width: int, max_rows: int = 40) -> "Group":
    """Lay the comparison out for a terminal: what differs once, then the headline metrics by short names.

    Args:
        comparison: The comparison.
        width: Columns of the terminal.
        max_rows: At most so many runs or groups; the rest is counted.

    Returns:
        Something for rich to print: tables and the notes below them.
    """
    from rich.console import Group

    rows = list(comparison.shown)[:max_rows]
    parts: list[RenderableType] = [*_what_differs(comparison, rows, width)]
    metrics = headline_of(comparison.metrics) or list(comparison.metrics)[:6]
    for data_set, members in comparison.parts(rows):
        table = metrics_table(comparison, members, metrics)
        if not is_wide(members):
            table = _without_settings(table)
        heading = [f"Measured on {data_set.label}:"] if data_set.label else []
        parts += _lines(heading, "bold")
        parts += [*_fitted(table, width), *_lines(["", *table.notes], "")]
    lead = lead_of(comparison, is_short=True)
    parts += [*_lines([lead] if lead else [], "bold"), *_lines(_warnings(comparison), "yellow")]
    parts += _lines(_legend(comparison, rows, num_metrics=len(metrics)), "dim")
    parts += _indented([f"{one.title}: {one.spec.meaning}" for one in metrics if one.spec.meaning], width)
    if comparison.contrasts:
        numbers = {group.name: group.number for group in comparison.groups}
        parts.append(to_terminal(contrasts_table(comparison.contrasts, numbers)))
    return Group(*parts)


def _what_differs(comparison: Comparison, rows: list[Row], width: int) -> "list[RenderableType]":
    """Show the differing settings: a line a run, a line a setting, or sentences, whichever fits."""
    from rich.padding import Padding

    if not comparison.settings and len(rows) < 2:
        return []
    table = runs_table(comparison, rows)
    for layout in (table, transposed(table)) if is_wide(rows) else (table,):
        if terminal_width(layout) <= width:
            return [to_terminal(layout), *_lines([""], "")]
    parts: list[RenderableType] = []
    for line in table.lines:
        pairs = zip(table.columns[1:], line.cells[1:], strict=True)
        texts = [f"{column.title}={cell.text}" for column, cell in pairs if cell.text not in ("", MISSING)]
        parts += _lines([line.cells[0].text], "bold")
        parts += [Padding(part, (0, 0, 0, 2)) for part in _lines([" ".join(texts)], "")]
    return [*parts, *_lines([""], "")]


def _without_settings(table: Table) -> Table:
    """Leave out settings, which stand above."""
    return _columns(table, [n for n, one in enumerate(table.columns) if not one.key.startswith("setting ")])


def _columns(table: Table, places: list[int]) -> Table:
    """Keep some columns of a table, in the order named."""
    lines = tuple(
        Line(tuple(line.cells[place] for place in places), line.explanation, line.key, line.mark)
        for line in table.lines
    )
    return Table(tuple(table.columns[place] for place in places), lines, table.title, table.notes)


def _fitted(table: Table, width: int) -> "list[RenderableType]":
    """Write a table as one or more, one below the other: columns without room begin the next."""
    table = _notes_as_lines(table)
    parts: list[RenderableType] = []
    rest = list(range(1, len(table.columns)))
    while rest:
        count = len(rest)
        while count > 1 and terminal_width(_columns(table, [0, *rest[:count]])) > width:
            count -= 1
        part, rest = _columns(table, [0, *rest[:count]]), rest[count:]
        filled = tuple(line for line in part.lines if any(cell.text for cell in line.cells[1:]))
        parts += _lines([""] if parts else [], "")
        parts.append(to_terminal(Table(part.columns, filled, part.title)))
    return parts


def _notes_as_lines(table: Table) -> Table:
    """Turn what stands below the headings, real and trivial values, into last lines of the table."""
    found = [dict(part.split(" ", 1) for part in filter(None, one.note.split(", "))) for one in table.columns]
    names = [name for name in (REAL, TRIVIAL) if any(name in notes for notes in found)]
    columns = tuple(
        Column(one.title, "", one.explanation, one.numeric, one.key, one.mark) for one in table.columns
    )
    values = [[notes.get(name, "") for notes in found[1:]] for name in names]
    lines = [
        Line((Cell(name, mark="dim"), *(Cell(text, mark="dim") for text in texts)))
        for name, texts in zip(names, values, strict=True)
    ]
    return Table(columns, (*table.lines, *lines), table.title, table.notes)


def _legend(comparison: Comparison, rows: list[Row], *, num_metrics: int) -> list[str]:
    texts = ["* best; ↓ lower, ↑ higher, → closer to held-out real music is better"]
    if any(len(row.members) > 2 for row in rows):
        texts.append("± half of Student's 95 % interval of the mean, from three runs on")
    left = len(comparison.shown) - len(rows)
    if left:
        texts.append(f"{left} more rows in comparison.csv; sort= brings others to the top")
    more = len(comparison.metrics) - num_metrics
    texts += [f"{more} more metrics in comparison.csv and comparison.html"] if more > 0 else []
    return ["", *texts]


def _warnings(comparison: Comparison) -> list[str]:
    pruned = sum(row.status == "pruned" for row in comparison.rows)
    texts = [f"{pruned} of {len(comparison.rows)} runs were pruned by the search"] if pruned else []
    texts += [
        f"Run {row.number} {row.status}: {row.reason}"
        for row in comparison.unfinished
        if row.status != "pruned"
    ]
    return texts + [f"Run {row.number}: {text}" for row, text in run_warnings(comparison)]


def _indented(texts: list[str], width: int) -> "list[RenderableType]":
    """Break long sentences so that their second lines stand further in."""
    return _lines([textwrap.fill(text, width, subsequent_indent="  ") for text in texts], "dim")


def _lines(texts: "list[str] | tuple[str, ...]", style: str) -> "list[RenderableType]":
    from rich.text import Text

    return [Text(text, style=style) for text in texts]
