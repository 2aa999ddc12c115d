"""Map a function over tasks in worker processes."""

import logging
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
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
            with ProcessPoolExecutor(processes, mp_context=context) as pool:
                while done < len(tasks):
                    for result in pool.map(function, tasks[done : done + at_a_time], chunksize=chunk):
                        done += 1
                        yield result
        except BrokenProcessPool as error:
            logger.warning("a worker process died (%s); this process does the rest", error)
    for number in range(done, len(tasks)):
        yield function(tasks[number])
