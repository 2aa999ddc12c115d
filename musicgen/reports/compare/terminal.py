"""A comparison on the terminal: the final metrics, the better one marked, in the width there is."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from musicgen.measure.spec import Metric, headline_of
from musicgen.reports.compare.aggregate import Comparison, Row
from musicgen.reports.compare.tables import (
    CONTRAST_HEADS,
    cell_texts,
    contrast_cells,
    is_wide,
    listed_metrics,
    real_texts,
)

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

BEST = "bold green"
REAL = "held-out real"
GAP = 3  # characters that a column costs beside its text
MAX_COLUMN = 24  # a run's name in a heading is wrapped to this


def print_comparison(comparison: Comparison, *, width: int | None = None) -> None:
    """Print a comparison as a table on the terminal.

    Args:
        comparison: The comparison.
        width: Columns; None takes the terminal's.
    """
    from rich.console import Console

    console = Console(width=width)
    console.print(screen_table(comparison, width=console.width))


def screen_table(comparison: Comparison, *, width: int, max_rows: int = 60) -> "Group":
    """Lay the comparison out for a terminal.

    Few runs stand side by side with all their metrics below each other; many runs stand below each
    other with as many of the leading metrics as there is room for. What is not shown is counted.

    Args:
        comparison: The comparison.
        width: Columns of the terminal.
        max_rows: At most so many runs or groups; the rest is counted.

    Returns:
        Something for rich to print: a table and the notes below it.
    """
    from rich.console import Group
    from rich.text import Text

    all_rows = comparison.groups if comparison.is_grouped else comparison.rows
    rows = all_rows[:max_rows]
    texts = _texts(comparison, rows)
    if is_wide(rows) and _wide_width(comparison, rows, texts) <= width:
        table, notes = _runs_as_columns(comparison, rows, texts), []
    else:
        table, notes = _runs_as_rows(comparison, rows, texts, width)
    notes.append("* best (↓ lower, ↑ higher, → closer to the held-out real music is better)")
    if comparison.is_grouped:
        notes.append("± half of Student's 95 % interval of the mean over the runs of a group")
    if len(rows) < len(all_rows):
        notes.append(
            f"{len(all_rows) - len(rows)} more rows in comparison.csv; sort= brings others to the top"
        )
    lines = [Text(note, style="dim") for note in notes]
    pruned = sum(row.status == "pruned" for row in comparison.rows)
    if pruned:
        lines.append(Text(f"{pruned} of {len(comparison.rows)} runs were pruned by the search", style="dim"))
    unfinished = [
        f"{row.status}: {row.name}: {row.reason}" for row in comparison.unfinished if row.status != "pruned"
    ]
    lines += [Text(text, style="yellow") for text in unfinished]
    tests = [_tests(comparison, name) for name in dict.fromkeys(test.metric for test in comparison.contrasts)]
    return Group(table, *lines, *tests)


def _texts(comparison: Comparison, rows: Sequence[Row]) -> dict[str, list[str]]:
    """Write every metric of every row, a star at the best, padded so that decimals stay aligned."""
    texts = {}
    for metric in comparison.metrics:
        best = comparison.best(metric, rows)
        cells = cell_texts(metric, rows, best)
        texts[metric.name] = [f"{cell} *" if i in best else f"{cell}  " for i, cell in enumerate(cells)]
    return texts


def _head(row: Row) -> str:
    counted = f" (n={len(row.members)})" if len(row.members) > 1 else ""
    unfinished = "" if row.status == "done" else f" ({row.status})"
    return f"{row.name}{counted}{unfinished}"


def _label(metric: Metric) -> str:
    return f"{metric.name} {metric.arrow}".strip()


def _column_width(row: Row, index: int, texts: dict[str, list[str]]) -> int:
    longest_word = max(map(len, _head(row).split()))
    name = max(longest_word, min(MAX_COLUMN, len(_head(row))))
    return max([name, *(len(cells[index]) for cells in texts.values())])


def _wide_width(comparison: Comparison, rows: Sequence[Row], texts: dict[str, list[str]]) -> int:
    first = max((len(_label(metric)) for metric in comparison.metrics), default=0)
    first += len(REAL) + GAP if real_texts(comparison, rows) else 0
    return first + GAP + 1 + sum(_column_width(row, i, texts) + GAP for i, row in enumerate(rows))


def _runs_as_columns(comparison: Comparison, rows: Sequence[Row], texts: dict[str, list[str]]) -> "Table":
    from rich.text import Text

    table = _table()
    table.add_column("", no_wrap=True)
    for index, row in enumerate(rows):
        width = _column_width(row, index, texts)
        table.add_column(_plain(_head(row)), justify="right", width=width, overflow="fold")
    real = real_texts(comparison, rows)
    if real:
        table.add_column(REAL, justify="right", style="dim", no_wrap=True)
    metrics = listed_metrics(comparison, rows)
    groups = [metric.group.split("/")[0] for metric in metrics]
    for index, metric in enumerate(metrics):
        cells = [_cell(text) for text in texts[metric.name]]
        last_of_group = index + 1 < len(groups) and groups[index] != groups[index + 1]
        cells += [Text(real.get(metric.name, ""))] if real else []
        table.add_row(_plain(_label(metric)), *cells, end_section=last_of_group)
    return table


def _runs_as_rows(
    comparison: Comparison, rows: Sequence[Row], texts: dict[str, list[str]], width: int
) -> tuple["Table", list[str]]:
    """Show as many metrics as fit, the leading ones first, without those that are all the same."""
    labels = (
        comparison.group_settings if comparison.is_grouped else tuple(k.label for k in comparison.settings)
    )
    told_apart = labels and len({row.settings for row in rows}) == len(rows)
    table = _table()
    left = width - 1
    heads = list(labels) if told_apart else ["run"]
    for column, head in enumerate(heads):
        cells = [row.settings[column] if told_apart else row.name for row in rows]
        longest = max(len(head), *map(len, cells))
        limit = longest if told_apart else max(20, min(longest, width // 2))
        table.add_column(_plain(head), width=min(longest, limit), overflow="fold")
        left -= min(longest, limit) + GAP
    counted = comparison.is_grouped
    if counted:
        table.add_column("n", justify="right")
        left -= max(len(_counted(comparison, row)) for row in rows) + GAP
    shown, left_out = [], []
    for metric in _by_interest(comparison):
        head = _label(metric).replace("/", "/\n")
        cells = texts[metric.name]
        needed = max(max(map(len, cells)), *(len(line) for line in head.split("\n"))) + GAP
        known = [cell.strip() for cell in cells if cell.strip() != "–"]
        same = len(set(known)) <= 1 and len(known) != 1  # what one row alone has is shown
        if same or needed > left:
            left_out.append(metric.name)
            continue
        left -= needed
        shown.append(metric)
        table.add_column(_plain(head), justify="right", no_wrap=True)
    for index, row in enumerate(rows):
        start = [_plain(text) for text in (row.settings if told_apart else [row.name])]
        count = [_plain(_counted(comparison, row))] if counted else []
        style = "" if row.status == "done" else "yellow"
        table.add_row(*start, *count, *(_cell(texts[f.name][index]) for f in shown), style=style)
    return table, [f"{len(left_out)} more metrics in comparison.csv"] if left_out else []


def _counted(comparison: Comparison, row: Row) -> str:
    """Count the runs of a group: `3`, or `2/3` where one is not done."""
    done = sum(comparison.runs[index].status == "done" for index in row.members)
    return str(done) if done == len(row.members) else f"{done}/{len(row.members)}"


def _tests(comparison: Comparison, metric: str) -> "Table":
    """Lay out the tests between groups on one metric, n always stated."""
    tests = [contrast for contrast in comparison.contrasts if contrast.metric == metric]
    heads, first = list(CONTRAST_HEADS[1:]), {test.first for test in tests}
    table = _table()
    table.title, table.title_justify, table.title_style = _plain(metric), "left", "bold"
    if len(first) == 1 and len(tests) > 1:  # all against the best: said once
        table.title = _plain(f"{metric}: {first.pop()} minus each other")
        heads = heads[1:]
    for head in heads:
        is_group = head in ("group", "minus")
        table.add_column(head, justify="left" if is_group else "right", no_wrap=not is_group, overflow="fold")
    for test in tests:
        table.add_row(*map(_plain, contrast_cells(test)[-len(heads) :]))
    return table


def _by_interest(comparison: Comparison) -> list[Metric]:
    leading = headline_of(comparison.metrics)
    return leading + [metric for metric in comparison.metrics if metric not in leading]


def _table() -> "Table":
    from rich import box
    from rich.table import Table

    return Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", padding=(0, 1))


def _cell(text: str) -> "Text":
    from rich.text import Text

    return Text(text, style=BEST if text.endswith("*") else "")


def _plain(text: str) -> "Text":
    """Keep rich from reading brackets in a name as its markup."""
    from rich.text import Text

    return Text(text)
