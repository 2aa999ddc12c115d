"""Two metrics that pull against each other: which runs no other run beats at both, and a picture of it."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from musicgen.measure.spec import Metric
from musicgen.reports.compare.comparison import Comparison, Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture

NAME_WIDTH, NAME_HEIGHT = 0.18, 0.11  # of the axes: what a point's name takes


def pareto_front(rows: Sequence[Row], first: Metric, second: Metric) -> list[int]:
    """Find the rows that no other row beats at one metric without losing at the other.

    Args:
        rows: Runs or groups.
        first: A metric with a better direction.
        second: Another one.

    Returns:
        Positions in `rows`, the best at the first metric first; equal rows are all kept.
    """
    points = {index: _badness(row, first, second) for index, row in enumerate(rows)}
    known = {index: point for index, point in points.items() if all(map(math.isfinite, point))}
    front: list[int] = []
    best: tuple[float, float] = (math.nan, math.inf)
    for index in sorted(known, key=known.__getitem__):
        if known[index][1] < best[1] or known[index] == best:
            front.append(index)
            best = known[index]
    return front


def front_metrics(comparison: Comparison, names: Sequence[str]) -> tuple[Metric, Metric]:
    """Look up the two metrics of a front.

    Args:
        comparison: The comparison.
        names: Their names.

    Returns:
        The metrics.

    Raises:
        ValueError: Not two names, one is no metric of the runs, or it has no better direction.
    """
    by_name = {metric.name: metric for metric in comparison.metrics}
    if len(names) != 2 or names[0] == names[1]:
        raise ValueError(
            f"front={list(names)}; use two metrics, such as [val/bits_per_quarter,model/parameters]"
        )
    for name in names:
        if name not in by_name:
            raise ValueError(f"front: {name!r} is no metric of these runs; there is {', '.join(by_name)}")
        if by_name[name].better == "none":
            raise ValueError(f"front: nobody knows which way {name} is better; say better={{{name}:lower}}")
    return by_name[names[0]], by_name[names[1]]


def draw_front(comparison: Comparison, names: Sequence[str], path: Path) -> Path:
    """Draw all runs by two metrics, and the line of those that no other run beats.

    Args:
        comparison: The comparison.
        names: The two metrics: to the right, and upwards.
        path: The picture to write; its suffix chooses PNG, SVG or PDF.

    Returns:
        The file.
    """
    across, up = front_metrics(comparison, names)
    rows = comparison.groups if comparison.is_grouped else comparison.rows
    picture = _picture(rows, across, up, pareto_front(rows, across, up))
    picture.savefig(path, dpi=150)
    return path


def _picture(rows: Sequence[Row], across: Metric, up: Metric, front: Sequence[int]) -> "Picture":
    from matplotlib.figure import Figure as Picture

    picture = Picture(figsize=(7, 5), layout="constrained")
    axes = picture.add_subplot()
    points = [(row.cells[across.name].mean, row.cells[up.name].mean) for row in rows]
    axes.scatter(*zip(*points, strict=True), s=22, color="#9aa4b2", linewidths=0, label=f"{len(rows)} runs")
    line = [points[index] for index in front]
    if line:
        label = f"not beaten at both: {len(line)}"
        axes.step(*zip(*line, strict=True), where="post", color="#0b5cad", linewidth=1.2, alpha=0.6)
        axes.scatter(*zip(*line, strict=True), s=40, color="#0b5cad", zorder=3, label=label)
    for metric, name in ((across, axes.set_xlabel), (up, axes.set_ylabel)):
        name(f"{metric.name} {metric.arrow}")
    for values, scale in ((0, axes.set_xscale), (1, axes.set_yscale)):
        known = [point[values] for point in points if math.isfinite(point[values])]
        if known and min(known) > 0 and max(known) > 20 * min(known):
            scale("log")
    _name_points(axes, [(rows[index].name, points[index]) for index in front])
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
    return picture


def _name_points(axes: "Axes", named: Sequence[tuple[str, tuple[float, float]]]) -> None:
    """Write the names of points that have room for it."""
    taken: list[tuple[float, float]] = []
    for name, point in named:
        x, y = axes.transAxes.inverted().transform(axes.transData.transform(point))
        if any(abs(x - a) < NAME_WIDTH and abs(y - b) < NAME_HEIGHT for a, b in taken):
            continue
        taken.append((x, y))
        side = -6 if x > 1 - NAME_WIDTH else 6
        axes.annotate(
            name.replace(" ", "\n"),
            point,
            xytext=(side, 6),
            textcoords="offset points",
            ha="right" if side < 0 else "left",
            fontsize=7,
            color="#33415c",
        )


def _badness(row: Row, first: Metric, second: Metric) -> tuple[float, float]:
    def of(metric: Metric) -> float:
        target = row.cells[metric.target].mean if metric.target in row.cells else math.nan
        return metric.badness(row.cells[metric.name].mean, target)

    return of(first), of(second)
