"""Manifests: what is known of every piece of one choice, in one file, so that a warm start opens no entry."""

import hashlib
import json
import logging
import zlib
from collections.abc import Sequence
from pathlib import Path

from musicgen.data.atomic import write_atomically
from musicgen.data.cache import PieceCache, PieceFacts
from musicgen.data.catalogue import Piece
from musicgen.data.reading import read_pieces

logger = logging.getLogger(__name__)


def facts_of(
    pieces: Sequence[Piece],
    *,
    cache: PieceCache,
    folder: Path,
    num_workers: int | None = None,
    progress: bool = True,
) -> dict[str, PieceFacts]:
    """Know the length and the notes of every piece, reading those that no earlier run has read.

    Args:
        pieces: Distinct pieces, readable or not.
        cache: Where their entries are or will be.
        folder: Where manifests lie.
        num_workers: Processes at most; None takes one a core.
        progress: Show a bar while files are read.

    Returns:
        Facts by content; files that are no music have an ``error``.
    """
    contents = sorted(piece.content for piece in pieces if piece.content)
    name = hashlib.sha256("\n".join([cache.grid.key, *contents]).encode()).hexdigest()[:32]
    path = folder / cache.grid.key / f"{name}.json"
    facts = _load(path)
    if facts is None or facts.keys() != set(contents):
        facts = read_pieces(pieces, cache=cache, num_workers=num_workers, progress=progress)
        if not any(one.transient for one in facts.values()):
            write_atomically(path, _dump(facts))
    return facts


def _dump(facts: dict[str, PieceFacts]) -> bytes:
    body = json.dumps({content: facts[content].to_dict() for content in sorted(facts)}).encode()
    return b"%08x\n" % zlib.crc32(body) + body


def _load(path: Path) -> dict[str, PieceFacts] | None:
    try:
        checksum, _, body = path.read_bytes().partition(b"\n")
    except FileNotFoundError:
        return None
    if checksum != b"%08x" % zlib.crc32(body):
        logger.warning("manifest %s is damaged (its checksum does not fit) and is made again", path)
        return None
    return {content: PieceFacts.from_dict(values) for content, values in json.loads(body).items()}
