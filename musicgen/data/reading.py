"""Read and cut many files at once."""

import logging
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path

from musicgen.data.cache import PieceCache, PieceFacts
from musicgen.data.catalogue import Piece
from musicgen.data.progress import track

logger = logging.getLogger(__name__)

_FILES_WORTH_A_POOL = 200
_FILES_A_TASK = 16


def read_pieces(
    pieces: Sequence[Piece],
    *,
    cache: PieceCache,
    num_workers: int | None = None,
    progress: bool = True,
) -> dict[str, PieceFacts]:
    """Make sure that every piece has its entry in the cache.

    Only pieces without an entry are read; a pool of processes is started only where there are enough of
    them to pay for it. A file that cannot be read costs nothing but its own piece.

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
    workers = _num_processes(num_workers, len(tasks))
    results = _read_in_pool(tasks, cache, workers) if workers > 1 else _read_here(tasks, cache)
    read = dict(track(results, description="Reading MIDI", total=len(tasks), shown=progress))
    return {content: facts for content, facts in cached.items() if facts is not None} | read


def available_cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _num_processes(num_workers: int | None, num_files: int) -> int:
    if num_workers is not None and num_workers < 0:
        raise ValueError(f"num_workers={num_workers}: give 0 or 1 to read in this process, more for a pool")
    if num_files < _FILES_WORTH_A_POOL or multiprocessing.current_process().daemon:
        return 1
    wanted = available_cores() if num_workers is None else num_workers
    return min(wanted, num_files // _FILES_A_TASK)


def _read_here(tasks: Sequence[tuple[Path, str]], cache: PieceCache) -> Iterator[tuple[str, PieceFacts]]:
    return (_read_task(cache, task) for task in tasks)


def _read_task(cache: PieceCache, task: tuple[Path, str]) -> tuple[str, PieceFacts]:
    path, content = task
    return content, cache.read_piece(path, content)


def _read_in_pool(
    tasks: Sequence[tuple[Path, str]], cache: PieceCache, workers: int
) -> Iterator[tuple[str, PieceFacts]]:
    """Read in fresh processes; what a killed worker leaves undone is read here."""
    done: set[str] = set()
    context = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(workers, mp_context=context) as pool:
            for content, facts in pool.map(partial(_read_task, cache), tasks, chunksize=_FILES_A_TASK):
                done.add(content)
                yield content, facts
    except BrokenProcessPool as error:
        logger.warning("a reading process died (%s); the other files are read in this one", error)
        yield from _read_here([task for task in tasks if task[1] not in done], cache)
