"""What a run's prior can be asked for."""

from collections.abc import Mapping
from dataclasses import dataclass

from musicgen.generation.asking.asked import MOODS
from musicgen.generation.asking.labelling import WHOLE, attribute_of
from musicgen.generation.edits.filling import knows_gaps
from musicgen.models.conditioners.labels import GAP, LabelConditioner
from musicgen.models.priors.base import Prior
from musicgen.music.grid import ClockGrid, Grid


@dataclass(frozen=True)
class Abilities:
    """What a run's prior can be asked for.

    Attributes:
        labels: The names of each label with names: composer, era, key, mode.
        attributes: The range of each measured attribute, in which three quarters of the training music lie.
        mood: The dimensions of mood: arousal, valence.
        one_key: Pieces are written in C major or A minor and moved, so any key may be asked for, also of
            `stream`.
        retouches: It can fill and vary: the run's grid keeps the quarters of a file.
        aims: It has learned to write towards what lies behind a gap (`windows.gap_share`); other priors only
            choose between candidates.
    """

    labels: Mapping[str, list[str]]
    attributes: Mapping[str, tuple[float, float]]
    mood: tuple[str, ...]
    one_key: bool
    retouches: bool
    aims: bool


def abilities_of(prior: Prior, *, learned_keys: Mapping[str, int] | None, grid: Grid) -> Abilities:
    """Find what a prior can be asked for.

    Args:
        prior: The prior.
        learned_keys: How many training pieces were in each key before they were moved to one; None where
            they were not moved.
        grid: The run's grid.
    """
    conditioner = prior.conditioner
    fields = conditioner.fields if isinstance(conditioner, LabelConditioner) else []
    labels, attributes = {}, {}
    for field in fields:
        assert isinstance(conditioner, LabelConditioner)
        if name := attribute_of(field):
            edges = conditioner.edges_of(field)
            if name not in attributes or not field.startswith(WHOLE):
                attributes[name] = (edges[0], edges[-1])
        elif field != GAP:
            labels[field] = conditioner.names_of(field)
    return Abilities(
        labels=labels,
        attributes=attributes,
        mood=tuple(name for name, attribute in MOODS.items() if attribute in attributes),
        one_key=learned_keys is not None,
        retouches=isinstance(grid, ClockGrid),
        aims=knows_gaps(prior),
    )
