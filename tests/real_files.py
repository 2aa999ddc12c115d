"""How many of the real files a test reads: some in the gate, all of them in the long form."""

import pytest


def one_file_in(number: int) -> pytest.MarkDecorator:
    """Give a test `one_in`: NUMBER in the gate, and one, which takes them all, with MUSICGEN_LONG=1."""
    some, all_of_them = (
        pytest.param(number, marks=pytest.mark.gate, id="some"),
        pytest.param(1, marks=pytest.mark.long, id="all"),
    )
    return pytest.mark.parametrize("one_in", [some, all_of_them])
