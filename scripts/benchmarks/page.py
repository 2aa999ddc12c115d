"""Write the benchmark's page of the documentation; what is said by hand stands between its markers."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.measure import Row
from benchmarks.table import markdown_table

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def write_page(
    path: Path, rows: Sequence[Row], *, machine: str, source: str, arguments: Sequence[str]
) -> None:
    """Put the table between the page's markers; a new page has nothing else.

    Args:
        path: The page.
        rows: What was measured.
        machine: What it was measured on.
        source: Which pieces.
        arguments: The command's arguments, to stand beside the metrics.
    """
    text = path.read_text(encoding="utf-8") if path.exists() else f"# Benchmark\n\n{BEGIN}\n{END}\n"
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    command = " ".join(["python scripts/benchmark.py", *arguments])
    measured = f"`{command}`\n\n{machine}\n\nPieces: {source}\n\n{markdown_table(rows)}"
    path.write_text(f"{before}{BEGIN}\n{measured}\n{END}{after}", encoding="utf-8")
