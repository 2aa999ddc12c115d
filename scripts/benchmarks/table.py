"""Show rows as a table on the screen and as a page of Markdown."""

from collections.abc import Sequence

from benchmarks.measure import Row

_HEAD = ("work", "ours", "spread", "unit", "reference", "ratio", "mark", "met", "peak MiB (reference)")


def text_table(rows: Sequence[Row]) -> str:
    """Lay rows out in columns, notes below."""
    lines = [_HEAD, *map(_cells, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEAD))]
    table = "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
    return f"{table}\n\n{_notes(rows)}"


def markdown_table(rows: Sequence[Row]) -> str:
    """Lay rows out as Markdown, notes below."""
    lines = [_HEAD, tuple("---" for _ in _HEAD), *map(_cells, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + f"\n\n{_notes(rows)}"


def _notes(rows: Sequence[Row]) -> str:
    return "\n".join(f"* {row.name}: {row.note}" for row in rows if row.note)


def _cells(row: Row) -> tuple[str, ...]:
    mark = (
        "" if row.mark is None else f"under {row.mark:g} {row.unit}" if row.limit else f"{row.mark:g} times"
    )
    peaks = "" if row.peak_mib is None else f"{row.peak_mib:,.0f}"
    if row.reference_peak_mib is not None:
        peaks += f" ({row.reference_peak_mib:,.0f})"
    return (
        row.name,
        _number(row.value),
        _number(row.spread),
        row.unit,
        "" if row.reference is None else _number(row.reference),
        "" if row.ratio is None else f"{row.ratio:.2f}" if row.ratio < 10 else f"{row.ratio:,.0f}",
        mark,
        {True: "yes", False: "**no**", None: ""}[row.met],
        peaks,
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}" if abs(value) >= 0.1 else f"{value:.4f}"
