"""The figures of one run or folder as a table: held-out real music beside what was generated."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from musicgen.measure.directions import all_figures, decimals_for, format_number
from musicgen.measure.meanings import MEANINGS

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True)
class FigureRow:
    """A row of the table.

    Attributes:
        group: What the figure belongs to, such as `vq_vae/val` or `generated`.
        name: Its whole name.
        leaf: Its last part.
        value: As text.
        arrow: Which way is better: ↓, ↑, → (towards the real figure) or nothing.
        real: The same figure of held-out real music, as text, or nothing.
        meaning: What it says, where that is known.
    """

    group: str
    name: str
    leaf: str
    value: str
    arrow: str
    real: str
    meaning: str


def figure_rows(metrics: Mapping[str, float]) -> list[FigureRow]:
    """Lay figures out in reading order, each real one beside its generated counterpart.

    Args:
        metrics: Name to number, as in `metrics.json`.
    """
    paired = {f"real/{name.removeprefix('generated/')}" for name in metrics if name.startswith("generated/")}
    rows = []
    for figure in all_figures(metrics):
        if figure.name in paired:
            continue
        value = metrics[figure.name]
        other = f"real/{figure.name.removeprefix('generated/')}"
        real = metrics.get(other, math.nan) if figure.name.startswith("generated/") else math.nan
        decimals = decimals_for([one for one in (value, real) if math.isfinite(one)] or [0.0])
        rows.append(
            FigureRow(
                group=figure.group,
                name=figure.name,
                leaf=figure.leaf,
                value=format_number(value, decimals),
                arrow=figure.arrow,
                real="" if math.isnan(real) else format_number(real, decimals),
                meaning=MEANINGS.get(figure.leaf, ""),
            )
        )
    return rows


def screen_figures(metrics: Mapping[str, float]) -> "Table":
    """Make the table for a terminal: name, value, the better direction, held-out real music."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("figure")
    table.add_column("value", justify="right")
    table.add_column("")
    table.add_column("held-out real", justify="right")
    group = ""
    for row in figure_rows(metrics):
        if group and row.group != group:
            table.add_section()
        group = row.group
        table.add_row(row.name, row.value, row.arrow, row.real)
    return table
