"""The pieces that a config chooses: listed, or prepared."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from hydra.utils import instantiate
from omegaconf import DictConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from musicgen.data.catalogue.piece_filter import PieceFilter
    from musicgen.data.catalogue.pieces import Piece
    from musicgen.data.prepare import Prepared


def prepared_pieces(config: DictConfig, *, make: Callable[[DictConfig], Any] = instantiate) -> "Prepared":
    """Prepare the pieces that a config chooses, or take them from the cache.

    Args:
        config: Its `data` and `grid`.
        make: Builds the source and the grid; for a stranger's config one that does not build everything.
    """
    from musicgen.data.loops import in_loops
    from musicgen.data.one_key import in_one_key
    from musicgen.data.prepare import prepare

    fractions = {name: config.data[name] for name in ("val_fraction", "test_fraction")}
    # Runs that were made without it keep the split that they were trained on.
    together = bool(config.data.get("twins_together", False))
    source, grid = make(config.data.source), make(config.grid)
    prepared = prepare(source, grid, **work_of(config.data), **fractions, twins_together=together)
    if config.data.get("one_key", False):  # configs of older runs lack it
        prepared = in_one_key(prepared, num_workers=config.data.num_workers)
    if config.data.get("loops") is not None:
        prepared = in_loops(prepared, bars=config.data.loops)
    return prepared


def work_of(data: DictConfig) -> dict[str, Any]:
    """Return what a data config says of the choice, the cache and the work."""
    return {"choice": choice_of(data), "cache_dir": data.cache_dir, "num_workers": data.num_workers}


def choice_of(data: DictConfig) -> "PieceFilter":
    """Build the filter of pieces that a data config states."""
    from musicgen.data.catalogue.music_filter import MusicFilter
    from musicgen.data.catalogue.piece_filter import PieceFilter

    # Configs of older runs lack some of these settings.
    names = ("mode", "key", "progression", "form", "passage_quarters")
    music = MusicFilter(**{name: data.get(name) for name in names})
    return PieceFilter(
        composer=data.composer,
        era=data.era,
        title=data.title,
        music=music if music else None,
        max_pieces=data.max_pieces,
    )


def chosen_pieces(data: DictConfig) -> "Sequence[Piece]":
    """List the distinct pieces of a data config's source that it chooses."""
    from musicgen.data.catalogue.analysis import analyses_of
    from musicgen.data.catalogue.pieces import distinct

    analyse = partial(analyses_of, cache_dir=data.cache_dir, num_workers=data.num_workers)
    return distinct(choice_of(data).choose(instantiate(data.source), analyse=analyse))
