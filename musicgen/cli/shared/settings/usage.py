"""Mistakes in a command line, found before anything is read, written or trained."""

import re
from collections.abc import Iterable
from difflib import get_close_matches


class UsageError(ValueError):
    """A command line that cannot be carried out; the message says what to type.

    Args:
        message: One sentence; control characters in it, such as a newline in what was typed, are shown as
            they are typed in Python.

    Attributes:
        status: Exit status of the process.
    """

    status = 2

    def __init__(self, message: str) -> None:
        super().__init__(re.sub(r"[\x00-\x1f\x7f]", lambda found: repr(found[0])[1:-1], message))


class FolderError(UsageError):
    """A command line that is right, and a folder that cannot be written."""

    status = 1


def nearest(word: str, known: Iterable[str], *, count: int = 3) -> list[str]:
    """Find the names that a mistyped one is likely to mean, dotted paths by their last part, too.

    Args:
        word: As typed.
        known: All names there are.
        count: How many to return at most.
    """
    names = list(dict.fromkeys(known))
    leaf = word.rpartition(".")[2]
    same = [name for name in names if name.rpartition(".")[2] == leaf and name != word]
    if same:
        return sorted(same, key=lambda name: (name.count("."), name))[:count]
    close = get_close_matches(word, names, n=count, cutoff=0.75)
    leaves: dict[str, list[str]] = {}
    for name in names:
        leaves.setdefault(name.rpartition(".")[2], []).append(name)
    for found in get_close_matches(leaf, leaves, n=count, cutoff=0.75):
        close += [name for name in leaves[found] if name not in close]
    return close[:count]
