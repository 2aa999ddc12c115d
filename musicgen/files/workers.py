"""Map a function over tasks in worker processes."""

import logging
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.context import BaseContext
from typing import TypeVar

logger = logging.getLogger(__name__)

_CHUNKS_AT_A_TIME = 64  # handed out together, so that a million tasks are never in memory at once

Task = TypeVar("Task")
Result = TypeVar("Result")


def available_cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def num_processes(wanted: int | None, *, num_tasks: int, worth_a_pool: int) -> int:
    """Choose the number of processes.

    Args:
        wanted: Most processes; None for one per core.
        num_tasks: Number of tasks.
        worth_a_pool: Least number of tasks for which processes are started.

    Raises:
        ValueError: ``wanted`` is negative.
    """
    if wanted is not None and wanted < 0:
        raise ValueError(f"num_workers={wanted}: give 0 or 1 to work in this process, more for a pool")
    if num_tasks < worth_a_pool or multiprocessing.current_process().daemon:
        return 1
    return min(available_cores() if wanted is None else max(wanted, 1), num_tasks)


@contextmanager
def _pool(processes: int, context: BaseContext) -> Iterator[ProcessPoolExecutor]:
    """Open a pool that drops its waiting tasks when whoever asked for them has enough."""
    pool = ProcessPoolExecutor(processes, mp_context=context)
    is_whole = False
    try:
        yield pool
        is_whole = True
    finally:
        pool.shutdown(cancel_futures=not is_whole)


@contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """Start processes that Ctrl-C, which reaches every process of a terminal, does not end one by one."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def run_tasks(
    function: Callable[[Task], Result], tasks: Sequence[Task], *, processes: int, chunk: int = 1
) -> Iterator[Result]:
    """Yield the results of a function in the order of its tasks.

    Tasks of a killed worker are done in this process.

    Args:
        function: Picklable, and safe to run twice on one task.
        tasks: Arguments of the function.
        processes: 1 works in this process.
        chunk: Tasks handed to a process at a time.
    """
    done = 0
    if processes > 1:
        context, at_a_time = multiprocessing.get_context("spawn"), processes * chunk * _CHUNKS_AT_A_TIME
        try:
            with _pool(processes, context) as pool:
                while done < len(tasks):
                    with _without_ctrl_c():
                        results = pool.map(function, tasks[done : done + at_a_time], chunksize=chunk)
                    for result in results:
                        done += 1
                        yield result
        except BrokenProcessPool as error:
            logger.warning("a worker process died (%s); this process does the rest", error)
    for number in range(done, len(tasks)):
        yield function(tasks[number])
