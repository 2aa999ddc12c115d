"""Which runs show what one setting does: those that agree in all other settings but the seed."""

from dataclasses import dataclass

from musicgen.reports.compare.comparison import Comparison
from musicgen.reports.runs.settings import SEED


@dataclass(frozen=True)
class Effect:
    """Runs in which one setting varies alone.

    Attributes:
        setting: Position in `Comparison.settings`.
        blocks: Sets of runs (positions in `Comparison.runs`) of one data set that agree in all other
            settings but the seed, each with two values of this one or more.
    """

    setting: int
    blocks: tuple[tuple[int, ...], ...]


def effects(comparison: Comparison) -> tuple[Effect, ...]:
    """Find the settings that vary alone somewhere, with the runs that show it.

    Args:
        comparison: The comparison; runs without metrics are left out.

    Returns:
        Settings without such runs (those of a random search, or that always change together) are missing.
    """
    found = []
    for place, setting in enumerate(comparison.settings):
        others = [one for one in comparison.settings if one.key not in (setting.key, SEED)]
        blocks: dict[tuple[object, ...], list[int]] = {}
        for index, row in enumerate(comparison.rows):
            if comparison.runs[index].metrics:
                key = (row.data, *(one.texts[index] for one in others))
                blocks.setdefault(key, []).append(index)
        kept = tuple(
            tuple(block) for block in blocks.values() if len({setting.texts[index] for index in block}) > 1
        )
        if kept and setting.key != SEED:
            found.append(Effect(place, kept))
    return tuple(found)
