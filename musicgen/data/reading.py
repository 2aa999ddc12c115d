"""Read and cut many files at once."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from musicgen.data.cache import PieceCache, PieceFacts
from musicgen.data.catalogue import Piece
from musicgen.data.pool import num_processes, run_tasks
from musicgen.data.progress import track

_FILES_WORTH_A_POOL = 1000  # two processes start in the time that one reads 500 files
_FILES_A_CHUNK = 16


def read_pieces(
    pieces: Sequence[Piece],
    *,
    cache: PieceCache,
    num_workers: int | None = None,
    progress: bool = True,
) -> dict[str, PieceFacts]:
    """Make sure that every piece has its entry in the cache.

    Only pieces without an entry are read; processes are started only where there are enough files to pay for
    them. A file that cannot be read costs nothing but its own piece.

    Args:
        pieces: Distinct pieces.
        cache: Where entries are kept.
        num_workers: Processes at most; None takes one a core.
        progress: Show a bar.

    Returns:
        The facts of each piece by content; those that are no music have an ``error``.

    Raises:
        ValueError: ``num_workers`` is negative.
    """
    cached = {piece.content: cache.facts(piece.content) for piece in pieces if piece.content}
    tasks = [(piece.path, piece.content) for piece in pieces if piece.content and not cached[piece.content]]
    processes = num_processes(num_workers, num_tasks=len(tasks), worth_a_pool=_FILES_WORTH_A_POOL)
    results = run_tasks(partial(_read, cache), tasks, processes=processes, chunk=_FILES_A_CHUNK)
    read = dict(track(results, description="Reading MIDI", total=len(tasks), shown=progress))
    return {content: facts for content, facts in cached.items() if facts is not None} | read


def _read(cache: PieceCache, task: tuple[Path, str]) -> tuple[str, PieceFacts]:
    path, content = task
    return content, cache.read_piece(path, content)
