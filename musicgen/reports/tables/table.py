"""A table as a value, which every renderer writes in its own way."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Mark = Literal["", "best", "warning", "dim", "text"]


@dataclass(frozen=True)
class Cell:
    """A cell: the text that people read, and the value that programs read and sort by.

    Attributes:
        text: As it is shown.
        value: The number or text behind it; None for the text itself.
        mark: `best` for the best of its kind, `warning`, `dim` for what stands aside, `text` for words
            that are aligned to the left among numbers.
    """

    text: str
    value: float | int | str | None = None
    mark: Mark = ""


@dataclass(frozen=True)
class Column:
    """A heading.

    Attributes:
        title: Its text.
        note: A second, smaller line.
        explanation: What it means, for a reader who asks.
        numeric: Align to the right.
        key: What scripts on a page know the column by: `run 3`, `metric 12`.
        mark: As of a cell, for the whole column.
    """

    title: str
    note: str = ""
    explanation: str = ""
    numeric: bool = True
    key: str = ""
    mark: Mark = ""


@dataclass(frozen=True)
class Line:
    """A line of cells, one a column; `explanation`, `key` and `mark` as of a column."""

    cells: tuple[Cell, ...]
    explanation: str = ""
    key: str = ""
    mark: Mark = ""


@dataclass(frozen=True)
class Table:
    """Columns and lines.

    Attributes:
        columns: The headings.
        lines: In the order in which they are shown.
        title: What stands above, may be empty.
        notes: Sentences below.
    """

    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    title: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Hold lines and columns together."""
        assert all(len(line.cells) == len(self.columns) for line in self.lines), "a line of another length"

    def column(self, index: int) -> Sequence[Cell]:
        """List the cells of a column from top to bottom."""
        return [line.cells[index] for line in self.lines]
