"""A comparison on the terminal: what differs, the headline metrics, verdicts and warnings."""

from typing import TYPE_CHECKING

from musicgen.measure.spec import headline_of
from musicgen.reports.compare.comparison import Comparison, Row
from musicgen.reports.compare.tables import contrasts_table, is_wide, metrics_table, runs_table
from musicgen.reports.compare.verdict import piece_warnings
from musicgen.reports.runs.settings import MISSING
from musicgen.reports.tables.render import terminal_width, to_terminal, transposed
from musicgen.reports.tables.table import Table

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
        parts += [_fitted(table, width), *_lines(table.notes, "")]
    parts += _lines(_legend(comparison, rows, num_metrics=len(metrics)), "dim")
    parts += _lines([f"{one.title}: {one.spec.meaning}" for one in metrics if one.spec.meaning], "dim")
    parts += _lines(_warnings(comparison), "yellow")
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
    kept = [place for place, column in enumerate(table.columns) if not column.key.startswith("setting ")]
    lines = tuple(
        type(line)(tuple(line.cells[place] for place in kept), line.explanation, line.key, line.mark)
        for line in table.lines
    )
    return Table(tuple(table.columns[place] for place in kept), lines, table.title, table.notes)


def _fitted(table: Table, width: int) -> "RenderableType":
    """Leave out the last columns that have no room."""
    while terminal_width(table) > width and len(table.columns) > 2:
        lines = tuple(
            type(line)(line.cells[:-1], line.explanation, line.key, line.mark) for line in table.lines
        )
        table = Table(table.columns[:-1], lines, table.title, table.notes)
    return to_terminal(table)


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
        f"{row.number} {row.status}: {row.reason}" for row in comparison.unfinished if row.status != "pruned"
    ]
    return texts + [f"{row.number}: {text}" for row, text in piece_warnings(comparison)]


def _lines(texts: "list[str] | tuple[str, ...]", style: str) -> "list[RenderableType]":
    from rich.text import Text

    return [Text(text, style=style) for text in texts]
