"""Read and cut many files at once."""

from collections.abc import Sequence
from functools import partial

from musicgen.data.catalogue.pieces import Piece, contents_of, digests_of, kept
from musicgen.data.store.cache import PieceCache
from musicgen.data.store.facts import FactsTable, PieceFacts
from musicgen.files.progress_bar import track
from musicgen.files.workers import num_processes, run_tasks

_FILES_WORTH_A_POOL = 1000  # two processes start in the time that one reads 500 files
_FILES_A_CHUNK = 16


def read_pieces(
    pieces: Sequence[Piece],
    *,
    cache: PieceCache,
    into: FactsTable | None = None,
    num_workers: int | None = None,
    progress: bool = True,
) -> FactsTable:
    """Make sure that every piece has its entry in the cache.

    Only pieces without an entry are read; processes are started only where there are enough files to pay for
    them. A file that cannot be read costs nothing but its own piece.

    Args:
        pieces: Distinct pieces.
        cache: Where entries are kept.
        into: A table of their contents without facts, to be filled; None makes one.
        num_workers: Processes at most; None takes one a core.
        progress: Show a bar.

    Returns:
        The facts of each piece by content; those that are no music have an ``error``.

    Raises:
        ValueError: ``num_workers`` is negative.
    """
    facts = FactsTable(digests_of(pieces)) if into is None else into
    for content in facts.contents():
        found = cache.facts(content)
        if found is not None:
            facts[content] = found
    tasks = kept(pieces, (bool(content) and content not in facts for content in contents_of(pieces)))
    processes = num_processes(num_workers, num_tasks=len(tasks), worth_a_pool=_FILES_WORTH_A_POOL)
    results = run_tasks(partial(_read, cache), tasks, processes=processes, chunk=_FILES_A_CHUNK)
    for content, one in track(results, description="Reading MIDI", total=len(tasks), shown=progress):
        facts[content] = one
    return facts


def _read(cache: PieceCache, piece: Piece) -> tuple[str, PieceFacts]:
    return piece.content, cache.read_piece(piece.path, piece.content)
