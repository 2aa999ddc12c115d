"""The pieces that a config chooses: listed, or prepared."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hydra.utils import instantiate
from omegaconf import DictConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from musicgen.data.catalogue.choice import PieceFilter
    from musicgen.data.catalogue.pieces import Piece
    from musicgen.data.prepare import Prepared


def prepared_pieces(config: DictConfig, *, make: Callable[[DictConfig], Any] = instantiate) -> "Prepared":
    """Prepare the pieces that a config chooses, or take them from the cache.

    Args:
        config: Its `data` and `grid`.
        make: Builds the source and the grid; for a stranger's config one that does not build everything.
    """
    from musicgen.data.prepare import prepare

    fractions = {name: config.data[name] for name in ("val_fraction", "test_fraction")}
    return prepare(make(config.data.source), make(config.grid), **work_of(config.data), **fractions)


def work_of(data: DictConfig) -> dict[str, Any]:
    """Give what a data config says of the choice, the cache and the work."""
    return {"choice": choice_of(data), "cache_dir": data.cache_dir, "num_workers": data.num_workers}


def choice_of(data: DictConfig) -> "PieceFilter":
    """Make the choice of pieces that a data config states."""
    from musicgen.data.catalogue.choice import PieceFilter
    from musicgen.data.catalogue.music_filter import MusicCriteria, MusicFilter

    # Runs of before these settings do not have them.
    names = ("mode", "key", "progression", "form", "passage_quarters")
    asked = MusicCriteria(**{name: data.get(name) for name in names})
    musical = MusicFilter(asked, cache_dir=data.cache_dir, num_workers=data.num_workers) if asked else None
    return PieceFilter(
        composer=data.composer, era=data.era, title=data.title, musical=musical, max_pieces=data.max_pieces
    )


def chosen_pieces(data: DictConfig) -> "Sequence[Piece]":
    """List the distinct pieces of a data config's source that it chooses."""
    from musicgen.data.catalogue.choice import distinct

    return distinct(choice_of(data).apply(instantiate(data.source).pieces()))
