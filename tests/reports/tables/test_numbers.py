"""How numbers are written."""

import math

import pytest

from musicgen.reports.tables.numbers import decimals_for, format_number


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([0.0388, 0.1774], ["0.0388", "0.1774"]),
        ([16.0, 4.0], ["16", "4"]),
        ([189.04, 203.5], ["189.0", "203.5"]),
        ([1e-7, 0.5], ["1.0e-07", "0.5000"]),
        ([math.nan, math.inf], ["–", "∞"]),
    ],
)
def test_numbers_have_sensible_digits(values, texts):
    assert [format_number(value, decimals_for(values)) for value in values] == texts
