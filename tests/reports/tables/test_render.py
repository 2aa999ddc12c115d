"""One table, four renderers."""

import csv
import io
import math

from rich.console import Console

from musicgen.reports.tables.render import (
    terminal_width,
    to_csv,
    to_html,
    to_markdown,
    to_terminal,
    transposed,
)
from musicgen.reports.tables.table import Cell, Column, Line, Table

EVIL = "</td><script>x</script>|*"
TABLE = Table(
    columns=(
        Column("metric", numeric=False),
        Column("1", note="real 0.8", explanation="say <b>what</b>", key="row 1"),
        Column("2"),
    ),
    lines=(
        Line((Cell("BCE ↓"), Cell("0.04", 0.0388, mark="best"), Cell("–", math.nan)), key="metric 3"),
        Line((Cell(EVIL), Cell("12.5", 12.5), Cell("7", 7))),
    ),
    notes=("all is well.",),
)


def shown(table: Table) -> str:
    console = Console(width=80, file=io.StringIO(), force_terminal=False)
    console.print(to_terminal(table))
    return console.file.getvalue()


def test_csv_has_values_instead_of_texts():
    rows = list(csv.reader(io.StringIO(to_csv(TABLE))))
    assert rows == [["metric", "1", "2"], ["BCE ↓", "0.0388", ""], [EVIL, "12.5", "7"]]


def test_markdown_marks_the_best_and_escapes():
    lines = to_markdown(TABLE).splitlines()
    assert lines[0] == "| metric | 1 real 0.8 | 2 |"
    assert lines[1] == "| --- | ---: | ---: |"
    assert lines[2] == "| BCE ↓ | **0.04** | – |"
    assert lines[3].startswith("| &lt;/td>&lt;script>x&lt;/script>\\|\\* | 12.5 |")
    assert lines[-1] == "all is well."


def test_the_terminal_aligns_numbers_and_stars_the_best():
    lines = [line.rstrip() for line in shown(TABLE).splitlines()]
    (best,) = [line for line in lines if line.startswith("BCE")]
    assert best.split() == ["BCE", "↓", "0.04*", "–"]
    assert max(map(len, lines)) <= terminal_width(TABLE)
    assert lines[0].split() == ["1"]  # the note stands below it
    assert "real 0.8" in lines[1]


def test_html_is_escaped_and_known_by_its_keys():
    text = str(to_html(TABLE, kind="metrics", view="runs"))
    assert "<script" not in text
    assert '<table class="metrics" data-view="runs">' in text
    assert 'title="say &lt;b&gt;what&lt;/b&gt;"' in text
    assert '<td class="best" data-value="0.0388" data-key="row 1">0.04</td>' in text
    assert '<tr data-key="metric 3"><th scope="row" class="text" data-value="BCE ↓"><button' in text
    assert 'data-key="row 1" title' in text


def test_a_table_can_be_turned():
    turned = transposed(TABLE)
    assert [column.title for column in turned.columns] == ["metric", "BCE ↓", EVIL]
    assert [cell.text for cell in turned.lines[0].cells] == ["1", "0.04", "12.5"]
    assert turned.lines[0].key == "row 1"
