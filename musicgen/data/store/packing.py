"""Packs on disk: the entries of a list of pieces in one file, made once."""

import logging
from collections.abc import Mapping, Sequence

import numpy as np

from musicgen.data.catalogue.passages import Span
from musicgen.data.catalogue.pieces import Piece, contents_of
from musicgen.data.store.cache import BYTES_PER_QUARTER, PieceCache
from musicgen.data.store.facts import PieceFacts
from musicgen.data.store.packed import PackedPieces
from musicgen.files.checksummed import damage_of, write_checked
from musicgen.files.hashing import hash_lines
from musicgen.files.progress_bar import track
from musicgen.music.grid import ticks_of

logger = logging.getLogger(__name__)

_MAGIC = b"MGPACK_1"


def open_pack(
    pieces: Sequence[Piece],
    facts: Mapping[str, PieceFacts],
    *,
    cache: PieceCache,
    spans: Mapping[str, Sequence[Span]] | None = None,
    progress: bool = True,
) -> PackedPieces:
    """Map the packed slices of pieces in their order.

    The file is named by a hash of the contents and the grid, so every job that asks for the same pieces maps
    the same file. It is checked in full when opened, and made from the cache's entries, one at a time, where
    it is missing or damaged.

    Args:
        pieces: Readable, distinct pieces.
        facts: Their lengths, by content.
        cache: Where their entries are, and packs beside them; a damaged entry is made again from its file.
        spans: The passages of each content that are taken; each is a piece of the pack, so that nothing runs
            over a cut. None takes all.
        progress: Show a bar while a pack is made.

    Raises:
        OSError: The pack cannot be written (full disk, read-only folder), or a damaged entry's file is gone.
    """
    if spans is not None:
        passages = [(piece, span) for piece in pieces for span in spans[piece.content]]
        pieces = [piece for piece, _ in passages]
        lengths, lines = (
            [len(span) for _, span in passages],
            [f"{piece.content} {at}" for piece, at in passages],
        )
        blocks = (_sound_packed(piece, cache)[span.start : span.stop] for piece, span in passages)
    else:
        lengths = (facts[content].num_quarters for content in contents_of(pieces))
        lines = contents_of(pieces)
        blocks = (_sound_packed(piece, cache) for piece in pieces)
    starts = np.zeros(len(pieces) + 1, np.int64)
    for number, length in enumerate(lengths, start=1):
        starts[number] = starts[number - 1] + length
    if starts[-1] == 0:
        return PackedPieces.empty()
    path = cache.cache_dir / "packs" / cache.key / f"{hash_lines([cache.key], lines)[:32]}.words"
    damage = damage_of(path, expected_bytes=int(starts[-1]) * BYTES_PER_QUARTER, magic=_MAGIC)
    if damage:
        if damage != "missing":
            logger.warning("pack %s is damaged (%s) and is made again", path, damage)
        shown = track(blocks, description="Packing pieces", total=len(pieces), shown=progress)
        write_checked(path, shown, magic=_MAGIC)
    return PackedPieces.map(path, starts=starts, pieces=pieces, ticks=ticks_of(cache.grid))


def _sound_packed(piece: Piece, cache: PieceCache) -> np.ndarray:
    """Read the packed slices of a piece, and make its entry again where it is damaged or gone."""
    packed = cache.packed(piece.content)
    if packed is None:
        facts = cache.read_piece(piece.path, piece.content)
        if facts.error:
            raise OSError(f"the cache entry of {piece.path} was damaged, and the file {facts.error}")
        packed = cache.packed(piece.content)
    assert packed is not None, f"entry of {piece.path} vanished right after it was written"
    return packed
