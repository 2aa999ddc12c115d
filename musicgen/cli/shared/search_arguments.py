"""The command line of a search: its own settings, those of the runs, and the knobs."""

from collections.abc import Callable, Container, Sequence

from musicgen.search.space import is_sweep


def sort_arguments(
    arguments: Sequence[str], *, own: Container[str], quote: Callable[[str], str]
) -> list[str]:
    """Rewrite a command line so that what belongs to the runs arrives in `knobs` and `typed`.

    Args:
        arguments: As typed after the verb.
        own: Names of the search's own settings.
        quote: Quotes a value for Hydra's grammar.

    Returns:
        Arguments for the search as a Hydra application.
    """
    kept: list[str] = []
    knobs: dict[str, str] = {}
    typed: dict[str, str] = {}  # what is typed last counts
    for argument in arguments:
        key, equals, value = argument.partition("=")
        top = key.lstrip("+~").split(".")[0].split("/")[0].split("@")[0]
        if argument.startswith("-") or not (equals or key.startswith("~")) or top in own:
            kept.append(argument)
            continue
        swept = is_sweep(argument)
        (typed if swept else knobs).pop(key, None)
        (knobs if swept else typed)[key] = f"{key}:{quote(value)}" if swept else quote(argument)
    kept += [f"knobs={{{','.join(knobs.values())}}}"] if knobs else []
    kept += [f"typed=[{','.join(typed.values())}]"] if typed else []
    return kept
