"""How numbers are written in tables."""

import math
import re
from collections.abc import Iterable

SIGNIFICANT = 4  # digits of a column's largest value
MAX_DECIMALS = 6


def decimals_for(values: Iterable[float]) -> int:
    """Choose how many decimals a column is written with.

    Args:
        values: The column's values.

    Returns:
        Enough for four significant digits of the largest value, at most 6; none for whole numbers.
    """
    finite = [abs(value) for value in values if math.isfinite(value)]
    largest = max(finite, default=0.0)
    if largest == 0 or all(value == int(value) for value in finite):
        return 0
    return min(MAX_DECIMALS, max(0, SIGNIFICANT - 1 - math.floor(math.log10(largest))))


def format_number(value: float, decimals: int) -> str:
    """Write a number with so many decimals; one too small to show gets an exponent.

    Args:
        value: The number.
        decimals: How many decimals.

    Returns:
        A text, "–" for a value that is not there (NaN).
    """
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    text = f"{value:.{decimals}f}"
    return f"{value:.1e}" if value != 0 and not re.search("[1-9]", text) else text
