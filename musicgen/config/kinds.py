"""Kinds of values of settings: checks and descriptions."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

Accepts = Callable[[Any], bool]


@dataclass(frozen=True)
class Kind:
    """A kind of value.

    Attributes:
        words: Description in messages, such as `a whole number from 1`.
        accepts: Whether a value is valid.
        takes_list: Several values are read as a list.
        takes_one: A single value may replace a list.
        is_text: Numbers are read as text: `data.title=9`.
        is_path: A file or folder.
        must_be: `folder`, `file` or `run` for what must exist; empty if it need not.
    """

    words: str
    accepts: Accepts
    takes_list: bool = False
    takes_one: bool = True
    is_text: bool = False
    is_path: bool = False
    must_be: str = ""

    def or_null(self) -> "Kind":
        """Return a kind that also accepts null."""
        return replace(self, words=f"{self.words}, or null", accepts=lambda v: v is None or self.accepts(v))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def whole(low: int = 0, high: int | None = None) -> Kind:
    """Whole numbers from `low`, up to `high` if given."""

    def accepts(value: Any) -> bool:
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        return is_whole and value >= low and (high is None or value <= high)

    return Kind(f"a whole number from {low}" + (f" to {high}" if high is not None else ""), accepts)


def real(low: float | None = None, high: float | None = None, *, above: bool = False) -> Kind:
    """Finite numbers between two bounds.

    Args:
        low: Lower bound; None for none.
        high: Upper bound; None for none.
        above: `low` itself is excluded.
    """

    def accepts(value: Any) -> bool:
        if not _is_number(value):
            return False
        if low is not None and (value < low or (above and value == low)):
            return False
        return high is None or value <= high

    words = "a number"
    if low is not None:
        words += f" above {low:g}" if above else f" from {low:g}"
    return Kind(words + (f" to {high:g}" if high is not None else ""), accepts)


FLAG = Kind("true or false", lambda value: isinstance(value, bool))
TEXT = Kind("a text", lambda value: isinstance(value, str) and bool(value.strip()), is_text=True)
TABLE = Kind("a table, such as {name:value}", lambda value: isinstance(value, dict))
PLAIN = Kind("a single value", lambda value: not isinstance(value, dict | list))
ANYTHING = Kind("any value", lambda value: True)
_SIGNS = r'/\\:*?"<>|\x00-\x1f'  # characters that some file system does not take
FOLDER_NAME = Kind(
    "the name of one folder, without / and not beginning with a dot",
    lambda value: isinstance(value, str) and re.fullmatch(rf"(?!\.)[^{_SIGNS}]+", value) is not None,
    is_text=True,
)


def one_of(*options: Any) -> Kind:
    """An enumeration of values; 1 does not equal true."""
    names = [str(option).lower() if isinstance(option, bool) else str(option) for option in options]
    words = " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)

    def accepts(value: Any) -> bool:
        return any(
            value == option and isinstance(value, bool) == isinstance(option, bool) for option in options
        )

    return Kind(words, accepts)


def matching(pattern: str, *, words: str) -> Kind:
    """Texts of a certain form."""
    return Kind(words, lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None)


def path(must_be: str = "") -> Kind:
    """Files and folders.

    Args:
        must_be: `folder` or `file` for an existing path, `run` for a run's folder or a model's name; empty if
            it is created on demand.
    """

    def accepts(value: Any) -> bool:
        return isinstance(value, str) and bool(value.strip()) and "\x00" not in value

    words = "a run: its folder, or the name of a model" if must_be == "run" else f"a {must_be or 'folder'}"
    return Kind(words, accepts, is_text=True, is_path=True, must_be=must_be)


def either(first: Kind, second: Kind) -> Kind:
    """Values of one of two kinds."""
    return Kind(f"{first.words}, or {second.words}", lambda v: first.accepts(v) or second.accepts(v))


def list_of(kind: Kind, *, or_one: bool = False, least: int = 0) -> Kind:
    """Lists of values of a kind.

    Args:
        kind: Kind of each value.
        or_one: A single value is kept as it is; else it is put into a list.
        least: Least number of values.
    """

    def accepts(value: Any) -> bool:
        if isinstance(value, list):
            return len(value) >= least and all(kind.accepts(part) for part in value)
        return or_one and kind.accepts(value)

    each = re.sub("^an? ", "", kind.words)
    some = "a list that is not empty" if least == 1 else f"a list of {least} or more" if least else "a list"
    words = f"{kind.words}, or a list such as [a,b]" if or_one else f"{some}, each {each}"
    return replace(kind, words=words, accepts=accepts, takes_list=True, takes_one=or_one)
