"""Arguments written for the grammar of Hydra's command line."""

import os
import re
from collections.abc import Sequence

from musicgen.config.grammar import quoted

TABLES = ("where", "better", "knobs")  # settings that are tables with any keys


def added_to_table(argument: str) -> str:
    """Let a table whose keys are the user's own (`where.epochs=10`) take any key.

    Args:
        argument: One argument of the command line.

    Returns:
        The argument, with Hydra's sign for "add or replace" before it if it goes into such a table.
    """
    return f"++{argument}" if re.match(rf"({'|'.join(TABLES)})[.=]", argument) else argument


def quoted_path(argument: str) -> str:
    """Quote the value of `key=PATH` for Hydra's grammar, which knows commas, blanks and `=` as its own signs.

    Args:
        argument: One argument of the command line.

    Returns:
        The argument, its value quoted if it is a file or folder that is there.
    """
    key, equals, value = argument.partition("=")
    if not (equals and re.search(r"[^\w./:-]", value) and os.path.exists(value)):
        return argument
    return f"{key}={quoted(value)}"


def folders_first(arguments: Sequence[str]) -> list[str]:
    """Turn plain arguments, which are folders, into the list `runs=[...]`.

    Args:
        arguments: The command line of a verb over runs.

    Returns:
        The same for Hydra; as it was where no argument is plain.
    """
    plain = [one for one in arguments if not one.startswith("-") and ("=" not in one or os.path.isdir(one))]
    others = [one for one in arguments if one not in plain]
    return [f"runs=[{','.join(map(quoted, plain))}]", *others] if plain else others
