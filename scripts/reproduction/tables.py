"""Numbers as text: intervals, markdown tables and csv files."""

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from reproduction.claims import Interval


def number(value: float, *, digits: int = 3) -> str:
    """Write a number with so many significant digits after the unit; a dash where there is none."""
    if math.isnan(value):
        return "–"
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.{digits if abs(value) < 10 else 1}f}"


def with_interval(one: Interval) -> str:
    """Write a mean and its interval."""
    if math.isnan(one.low):
        return number(one.mean)
    return f"{number(one.mean)} [{number(one.low)}, {number(one.high)}]"


def bounds(one: Interval) -> str:
    """Write an interval without its mean; nothing where it is not known."""
    return "" if math.isnan(one.low) else f"({number(one.low)}, {number(one.high)})"


def signed(one: Interval) -> str:
    """Write a difference and its interval, always with signs."""
    parts = [
        text if text.startswith(("-", "–")) else f"+{text}"
        for text in map(number, (one.mean, one.low, one.high))
    ]
    return parts[0] if math.isnan(one.low) else f"{parts[0]} [{parts[1]}, {parts[2]}]"


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def write_csv(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """Write rows with all the columns that any of them has, in the order of their first appearance."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)


def _cell(value: object) -> object:
    """Shorten a number to six significant digits; leave empty what is none."""
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.6g}"
    return value
