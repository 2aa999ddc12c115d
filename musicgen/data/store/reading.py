"""Read and cut many files at once."""

from collections.abc import Sequence
from functools import partial

from musicgen.data.catalogue.pieces import Piece, contents_of, digests_of, kept
from musicgen.data.store.cache import PieceCache
from musicgen.data.store.facts import FactsOnDisk, FactsTable, PieceFacts
from musicgen.files.progress_bar import track
from musicgen.files.workers import num_processes, run_tasks

_FILES_WORTH_A_POOL = 1000  # two processes start in the time that one reads 500 files
_FILES_A_CHUNK = 16


def read_pieces(
    pieces: Sequence[Piece],
    *,
    cache: PieceCache,
    num_workers: int | None = None,
    progress: bool = True,
) -> FactsTable:
    """Make sure that every piece has been read, and return its length and number of notes.

    Only what neither the catalogue nor the cache knows is read; processes are started only where there are
    enough files to pay for them. A file that cannot be read costs nothing but its own piece.

    Args:
        pieces: Distinct pieces, readable or not.
        cache: Where their entries are or will be.
        num_workers: Processes at most; None takes one per core.
        progress: Show a bar while files are read.

    Returns:
        The facts of each piece by content; those that are no music have an ``error``.

    Raises:
        ValueError: ``num_workers`` is negative.
        OSError: The cache cannot be written.
    """
    facts = FactsTable(digests_of(pieces))
    on_disk = FactsOnDisk(cache.cache_dir, key=cache.key)
    with on_disk.writer() as remember:
        for content in facts.contents():
            if (known := on_disk.get(content)) is not None:
                facts[content] = known
            elif (known := cache.facts(content)) is not None:  # such as what another machine has read
                facts[content] = known
                remember(content, known)
        tasks = kept(pieces, (bool(content) and content not in facts for content in contents_of(pieces)))
        processes = num_processes(num_workers, num_tasks=len(tasks), worth_a_pool=_FILES_WORTH_A_POOL)
        results = run_tasks(partial(_read, cache), tasks, processes=processes, chunk=_FILES_A_CHUNK)
        for content, found in track(results, description="Reading MIDI", total=len(tasks), shown=progress):
            facts[content] = found
            remember(content, found)
    return facts


def _read(cache: PieceCache, piece: Piece) -> tuple[str, PieceFacts]:
    return piece.content, cache.read_piece(piece.path, piece.content)
