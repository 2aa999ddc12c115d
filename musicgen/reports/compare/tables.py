"""The cells of comparison tables as texts, the same on the screen, in Markdown and on the page."""

import math
from collections.abc import Sequence

from musicgen.measure.spec import Metric
from musicgen.measure.statistics import Contrast
from musicgen.reports.compare.aggregate import Comparison, Row
from musicgen.reports.tables.numbers import MAX_DECIMALS, SIGNIFICANT, decimals_for, format_number

CONTRAST_HEADS = ("metric", "group", "minus", "difference", "95 % interval", "p", "p (Holm)", "n")
MAX_COLUMNS = 6  # more runs than that are written as rows


def cell_texts(metric: Metric, rows: Sequence[Row], best: frozenset[int] = frozenset()) -> list[str]:
    """Write one metric of all rows with the same number of decimals: `0.0388`, `0.0388 ± 0.0012`.

    Args:
        metric: The metric.
        rows: Runs or groups.
        best: Which are best: the best and the next must not look the same.

    Returns:
        One text a row, "–" where a row has no value.
    """
    decimals = column_decimals(metric, rows, best)
    cells = [row.cells[metric.name] for row in rows]
    return [
        format_number(cell.mean, decimals)
        + (f" ± {format_number(cell.half_width, decimals)}" if cell.half_width > 0 else "")
        for cell in cells
    ]


def column_decimals(metric: Metric, rows: Sequence[Row], best: frozenset[int] = frozenset()) -> int:
    """Choose the decimals of a metric, as `cell_texts` writes it.

    Args:
        metric: The metric.
        rows: Runs or groups.
        best: Which are best.

    Returns:
        How many decimals all rows have.
    """
    means = [row.cells[metric.name].mean for row in rows]
    spreads = sorted(
        row.cells[metric.name].half_width for row in rows if row.cells[metric.name].half_width > 0
    )
    decimals = decimals_for(means)
    if spreads:  # two digits of the usual interval say enough
        decimals = min(decimals, max(0, 1 - math.floor(math.log10(spreads[len(spreads) // 2]))))
    top = {format_number(means[index], decimals) for index in best}
    alike = any(format_number(mean, decimals) in top for index, mean in enumerate(means) if index not in best)
    return min(decimals + 2, MAX_DECIMALS) if alike else decimals


def real_texts(comparison: Comparison, rows: Sequence[Row]) -> dict[str, str]:
    """Write the held-out real metrics that generated ones should come close to.

    Args:
        comparison: The comparison.
        rows: Runs or groups.

    Returns:
        By the name of the generated metric; only where all rows have the same real metric, so that
        one column says what would be as many rows.
    """
    texts = {}
    for metric in comparison.metrics:
        known = {row.cells[metric.target].mean for row in rows if metric.target in row.cells}
        known = {value for value in known if not math.isnan(value)}
        if len(known) == 1:
            value = known.pop()
            decimals = column_decimals(metric, rows, comparison.best(metric, rows))
            texts[metric.name] = format_number(value, max(decimals, min(SIGNIFICANT, decimals_for([value]))))
    return texts


def listed_metrics(comparison: Comparison, rows: Sequence[Row]) -> list[Metric]:
    """List the metrics that need a row of their own beside a column of real metrics.

    Args:
        comparison: The comparison.
        rows: Runs or groups.

    Returns:
        All metrics but the real ones that `real_texts` writes.
    """
    said = {metric.target for metric in comparison.metrics if metric.name in real_texts(comparison, rows)}
    return [metric for metric in comparison.metrics if metric.name not in said]


def is_wide(rows: Sequence[Row]) -> bool:
    """Tell whether there are so few rows that they read better as columns, one a run."""
    return len(rows) <= MAX_COLUMNS


def contrast_cells(contrast: Contrast) -> list[str]:
    """Write one test between two groups, a text under each of `CONTRAST_HEADS`.

    Args:
        contrast: The test.

    Returns:
        Eight texts, "–" for what few runs cannot tell.
    """
    decimals = decimals_for([contrast.difference])
    low, high = (format_number(value, decimals) for value in (contrast.low, contrast.high))
    return [
        contrast.metric,
        contrast.first,
        contrast.second,
        format_number(contrast.difference, decimals),
        "–" if math.isnan(contrast.low) else f"{low} to {high}",
        _p_text(contrast.p),
        _p_text(contrast.p_holm),
        f"{contrast.n_first}, {contrast.n_second}",
    ]


def _p_text(p: float) -> str:
    return "–" if math.isnan(p) else "<.001" if p < 0.001 else f"{p:.3f}"
