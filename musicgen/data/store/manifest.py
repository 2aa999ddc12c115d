"""Manifests: what is known of every piece of one choice, in one file, so that a warm start opens no entry."""

import json
import logging
import zlib
from collections.abc import Sequence
from pathlib import Path

from musicgen.data.catalogue.pieces import Piece, digests_of
from musicgen.data.store.cache import PieceCache
from musicgen.data.store.facts import FactsTable, PieceFacts
from musicgen.data.store.reading import read_pieces
from musicgen.files.atomic import atomic_file
from musicgen.files.hashing import hash_lines

logger = logging.getLogger(__name__)


def facts_of(
    pieces: Sequence[Piece],
    *,
    cache: PieceCache,
    folder: Path,
    num_workers: int | None = None,
    progress: bool = True,
) -> FactsTable:
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
    facts = FactsTable(digests_of(pieces))
    name = hash_lines([cache.grid.key], facts.contents())[:32]
    path = folder / cache.grid.key / f"{name}.jsonl"
    if not _load(path, into=facts):
        facts.clear()
        read_pieces(pieces, into=facts, cache=cache, num_workers=num_workers, progress=progress)
        if not any(one.transient for one in facts.values()):
            _write(path, facts)
    return facts


def _write(path: Path, facts: FactsTable) -> None:
    """Write a line a piece and a checksum of all, never all of it in memory at once."""
    checksum = 0
    with atomic_file(path) as file:
        for content, one in facts.items():
            line = json.dumps([content, one.to_dict()]).encode() + b"\n"
            checksum = zlib.crc32(line, checksum)
            file.write(line)
        file.write(b"%08x" % checksum)


def _load(path: Path, *, into: FactsTable) -> bool:
    """Fill a table from a manifest; say whether it had all, and nothing else."""
    checksum, last = 0, b""
    try:
        with path.open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    content, values = json.loads(line)
                    into[content] = PieceFacts.from_dict(values)
                    checksum = zlib.crc32(line, checksum)
                last = line
    except FileNotFoundError:
        return False
    except (ValueError, TypeError, KeyError):
        last = b""
    if last != b"%08x" % checksum:
        logger.warning("manifest %s is damaged (its checksum does not fit) and is made again", path)
        return False
    return len(into) == sum(1 for _ in into.contents())
