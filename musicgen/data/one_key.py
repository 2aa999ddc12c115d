"""Pieces moved to one key for training: C major or A minor."""

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from musicgen.data.catalogue.analysis import Analysis, analyses_of
from musicgen.data.prepare import Prepared
from musicgen.data.store.packed import PackedPieces
from musicgen.music.theory.keys import fitting, moved, steps_home

logger = logging.getLogger(__name__)


def in_one_key(prepared: Prepared, *, num_workers: int | None = None, progress: bool = True) -> Prepared:
    """Move each piece of all splits from the key of the whole piece to C major or A minor.

    The moved slices are held in memory, 352 bytes a quarter. Notes that leave the piano are lost, where no
    octave has room for all of them; how many pieces that concerns is logged.

    Args:
        prepared: The pieces as they are written.
        num_workers: Processes that analyse pieces; None takes one per core.
        progress: Show a bar.

    Returns:
        The same pieces, moved; `keys` says from where.
    """
    assert prepared.cache_dir is not None, "keys are found once and kept in the cache"
    work = {"num_workers": num_workers, "progress": progress}
    analyses = analyses_of(prepared.pieces, cache_dir=prepared.cache_dir, **work)
    splits = {name: _moved(pieces, analyses) for name, pieces in prepared.splits.items()}
    train = prepared.splits["train"].pieces
    keys = Counter(analyses[piece.content].key.name for piece in train if piece.content in analyses)
    return replace(prepared, splits=splits, keys=dict(sorted(keys.items())))


def _moved(pieces: PackedPieces, analyses: Mapping[str, Analysis]) -> PackedPieces:
    packed, shortened = np.empty(pieces.packed.shape, pieces.packed.dtype), 0
    for number, piece in enumerate(pieces.pieces):
        written = np.asarray(pieces.piece(number))
        analysis = analyses.get(piece.content)
        steps = 0 if analysis is None else fitting(written, steps_home(analysis.key))
        here = moved(written, steps)
        packed[pieces.starts[number] : pieces.starts[number + 1]] = here
        shortened += np.count_nonzero(here) != np.count_nonzero(written)
    if shortened:
        logger.info("%d of %d pieces lose notes beyond the piano in one key", shortened, len(pieces.pieces))
    return PackedPieces(packed, starts=pieces.starts, pieces=pieces.pieces, ticks=pieces.ticks)
