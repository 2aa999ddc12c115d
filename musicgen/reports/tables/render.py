"""Write a table as CSV, as Markdown, for a terminal and as HTML."""

import csv
import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from musicgen.reports.tables.table import Cell, Column, Line, Mark, Table

if TYPE_CHECKING:
    from markupsafe import Markup
    from rich.table import Table as RichTable

STYLES = {"best": "bold green", "warning": "yellow", "dim": "dim"}
NBSP = "\N{NO-BREAK SPACE}"  # between a title and its arrow
GAP = 2  # characters between two columns of a terminal


def to_csv(table: Table) -> str:
    """Write values, not texts; a cell without a value is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.title for column in table.columns])
    for line in table.lines:
        writer.writerow([_value(cell) for cell in line.cells])
    return text.getvalue()


def to_markdown(table: Table) -> str:
    """Write a Markdown table; the best is bold, notes follow below."""
    heads = [escaped(f"{column.title} {column.note}") for column in table.columns]
    rules = ["---:" if column.numeric else "---" for column in table.columns]
    lines = [heads, rules, *([_bold(cell) for cell in line.cells] for line in table.lines)]
    text = "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
    title = f"**{escaped(table.title)}**\n\n" if table.title else ""
    notes = "".join(f"\n{escaped(note)}\n" for note in table.notes)
    return title + text + notes


def to_terminal(table: Table) -> "RichTable":
    """Make a table for rich to print; the best has a star, so that no colour is needed."""
    from rich.table import Table as RichTable
    from rich.text import Text

    written = RichTable(
        box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold", title_justify="left"
    )
    if table.title:
        written.title, written.title_style = Text(table.title), "bold"
    columns = _terminal_texts(table)
    headings = [_heading_lines(column, texts) for column, texts in zip(table.columns, columns, strict=True)]
    deepest = max(map(len, headings), default=0)
    for column, texts, heading in zip(table.columns, columns, headings, strict=True):
        raised = [""] * (deepest - len(heading)) + heading  # headings end on one line, cells begin on one
        written.add_column(
            Text("\n".join(raised).replace(NBSP, " ")),
            justify="right" if column.numeric else "left",
            no_wrap=column.numeric,
            min_width=max([0, *map(len, texts)]) if column.numeric else None,
            overflow="fold",
            style=STYLES.get(column.mark, ""),
        )
    for index, line in enumerate(table.lines):
        cells = [
            Text(texts[index], style=STYLES.get(cell.mark, ""))
            for texts, cell in zip(columns, line.cells, strict=True)
        ]
        written.add_row(*cells, style=STYLES.get(line.mark, ""))
    return written


def transposed(table: Table) -> Table:
    """Turn lines into columns; the first column becomes the headings."""
    heads = [table.columns[0], *(Column(line.cells[0].text, key=line.key) for line in table.lines)]
    lines = [
        Line((Cell(column.title), *table.column(place)), key=column.key)
        for place, column in enumerate(table.columns)
        if place
    ]
    return Table(tuple(heads), tuple(lines), table.title, table.notes)


def terminal_width(table: Table) -> int:
    """Say how many characters a table needs on a terminal without breaking a cell."""
    widths = [
        max(
            [len(line) for line in _heading_lines(column, texts)] + [len(text) for text in texts],
            default=0,
        )
        for column, texts in zip(table.columns, _terminal_texts(table), strict=True)
    ]
    return sum(widths) + GAP * max(0, len(widths) - 1)


def _heading_lines(column: Column, texts: Sequence[str]) -> list[str]:
    """Break a heading between words, no wider than the cells below unless a word is."""
    room = max([len(word) for word in column.title.split(" ")] + [len(text) for text in texts])
    lines: list[str] = []
    for word in column.title.split(" "):
        if lines and len(lines[-1]) + 1 + len(word) <= room:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return [*lines, *filter(None, [column.note])]


def to_html(table: Table, *, kind: str = "", view: str = "") -> "Markup":
    """Write an HTML table; everything in it is escaped.

    Args:
        table: The table.
        kind: Classes of the element, such as `metrics wide`.
        view: What scripts know the table by.

    Returns:
        The `table` element: headings have buttons to sort by where they have a key.
    """
    from markupsafe import Markup

    heads = Markup("").join(_html_head(column, first=not index) for index, column in enumerate(table.columns))
    lines = Markup("\n").join(_html_line(table, line) for line in table.lines)
    return Markup(
        '<table class="{}" data-view="{}"><thead><tr>{}</tr></thead>\n<tbody>\n{}\n</tbody></table>'
    ).format(kind, view, heads, lines)


def escaped(text: str) -> str:
    """Keep Markdown from reading marks in a text, in one line."""
    plain = text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("`", "\\`")
    return " ".join(plain.replace("*", "\\*").split())


def _value(cell: Cell) -> float | int | str:
    if cell.value is None:
        return cell.text
    return "" if isinstance(cell.value, float) and math.isnan(cell.value) else cell.value


def _bold(cell: Cell) -> str:
    return f"**{escaped(cell.text)}**" if cell.mark == "best" else escaped(cell.text)


def _terminal_texts(table: Table) -> list[list[str]]:
    """Write the cells by column; a star beside the best, and its room in the other lines of the column."""
    columns = []
    for index, column in enumerate(table.columns):
        cells = table.column(index)
        starred = column.numeric and any(cell.mark == "best" for cell in cells)
        texts = [cell.text.replace(NBSP, " ") for cell in cells]
        stars = [("*" if cell.mark == "best" else " ") * starred for cell in cells]
        columns.append([text + star for text, star in zip(texts, stars, strict=True)])
    return columns


def _html_head(column: Column, *, first: bool) -> "Markup":
    from markupsafe import Markup

    note = Markup("<small>{}</small>").format(column.note) if column.note else ""
    sort = _html_title(column.title, is_button=not column.key.startswith("row ")) + note
    classes = _classes(column.mark, "corner" if first else "", "" if column.numeric else "text")
    return Markup('<th scope="col"{}{}{}>{}</th>').format(
        classes, _attribute("data-key", column.key), _attribute("title", column.explanation), sort
    )


def _html_line(table: Table, line: Line) -> "Markup":
    from markupsafe import Markup

    cells = []
    for place, (column, cell) in enumerate(zip(table.columns, line.cells, strict=True)):
        classes = _classes(cell.mark or column.mark, "" if column.numeric else "text")
        attributes = _attribute("data-value", str(_value(cell))) + _attribute("data-key", column.key)
        if place:
            value, plus_minus, spread = cell.text.partition(" ± ")
            small = Markup(" <small>± {}</small>").format(spread) if plus_minus else ""
            cells.append(Markup("<td{}{}>{}{}</td>").format(classes, attributes, value, small))
        else:
            explanation = _attribute("title", line.explanation)
            title = _html_title(cell.text, is_button=line.key.startswith("metric "))
            template = Markup('<th scope="row"{}{}{}>{}</th>')
            cells.append(template.format(classes, attributes, explanation, title))
    return Markup("<tr{}{}>{}</tr>").format(
        _classes(line.mark), _attribute("data-key", line.key), Markup("").join(cells)
    )


def _html_title(text: str, *, is_button: bool) -> "Markup":
    """Write a heading, as a button where it sorts the table."""
    from markupsafe import Markup

    template = '<button type="button" class="sort">{}</button>' if is_button else "{}"
    return Markup(template).format(breakable(text))


def breakable(text: str) -> "Markup":
    """Let a browser break a long dotted name after its separators."""
    from markupsafe import Markup, escape

    written = str(escape(text))
    for separator in "/_=.,":
        written = written.replace(separator, f"{separator}<wbr>")
    return Markup(written)


def _attribute(name: str, value: str) -> "Markup":
    from markupsafe import Markup

    return Markup(' {}="{}"').format(name, value) if value else Markup("")


def _classes(*names: Mark | str) -> "Markup":
    return _attribute("class", " ".join(filter(None, names)))
