"""The command that made a page, as one would type it again."""

import shlex
from collections.abc import Iterable
from pathlib import Path

from musicgen.config.grammar import quoted
from musicgen.files.run_folders import model_name


def as_typed(program: str, arguments: Iterable[str]) -> str:
    """Write a command line for a shell, without the quotes that `quoted` put around whole values.

    Models are called by their names, and paths below the working folder are relative.

    Args:
        program: What begins it: `musicgen`.
        arguments: The rest, such as `run='outputs/a'`.
    """
    plain, here = [], f"{Path.cwd()}/"
    for argument in arguments:
        key, equals, value = argument.partition("=")
        inner = value[1:-1]
        is_quoted = len(value) > 1 and value == quoted(inner) and not {"'", "\\"} & set(inner)
        shown = inner if is_quoted else value
        plain.append(f"{key}{equals}{model_name(shown) or shown}".replace(here, ""))
    return shlex.join([program, *plain])
