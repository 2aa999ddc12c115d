"""Run the jobs that are not done yet, several at a time, each as the command line would."""

import json
import sys
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing import get_context
from pathlib import Path

from reproduction.jobs import Job

TIME_FILE = "time.json"


def run_jobs(jobs: Sequence[Job], *, processes: int, most: int | None = None) -> list[str]:
    """Run what is not done, in order, as far as jobs that others need allow.

    Args:
        jobs: All jobs of the study.
        processes: How many run at once, each on one thread; one runs in this process.
        most: Stop after so many.

    Returns:
        A line for each job that failed; the others went on.
    """
    waiting = [job for job in jobs if not job.is_done]
    print(f"{len(jobs) - len(waiting)} of {len(jobs)} runs are done, {len(waiting)} to go", flush=True)
    waiting = waiting[:most]
    return _one_by_one(waiting) if processes == 1 else _side_by_side(waiting, processes)


def _one_by_one(jobs: Sequence[Job]) -> list[str]:
    failed = []
    for job in jobs:
        outcome: Future[float] = Future()
        try:
            outcome.set_result(run_job(job))
        except RuntimeError as error:
            outcome.set_exception(error)
        failed.append(_say(job, outcome))
    return [line for line in failed if line]


def _side_by_side(waiting: list[Job], processes: int) -> list[str]:
    failed: list[str] = []
    running: dict[Future[float], Job] = {}
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        while waiting or running:
            unfinished = {job.folder for job in (*waiting, *running.values())}
            for job in [one for one in waiting if one.needs not in unfinished]:
                if len(running) < processes:
                    waiting.remove(job)
                    running[pool.submit(run_job, job)] = job
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                job = running.pop(future)
                failed.append(_say(job, future))
    return [line for line in failed if line]


def run_job(job: Job) -> float:
    """Run one job in this process as `musicgen` would, and leave what it took in its folder.

    Another recipe that works in the same folder of runs is waited for; what it has done is not done again.

    Returns:
        Seconds by the clock; 0 if another process did it.

    Raises:
        RuntimeError: The command ended with an error; its message is on the screen and in `error.txt`.
    """
    from musicgen.files.locks import lock

    with lock(
        job.folder.with_name(f"{job.folder.name}.lock"),
        on_wait=lambda: print(f"Another process is at {job.name}; waiting for it", flush=True),
    ):
        return 0.0 if job.is_done else _run_alone(job)


def _run_alone(job: Job) -> float:
    from musicgen.__main__ import main

    _clear(job.folder)
    wall, cpu = time.perf_counter(), time.process_time()
    sys.argv = ["musicgen", *job.command]
    try:
        main()
    except SystemExit as error:
        if error.code:
            raise RuntimeError(f"musicgen {' '.join(job.command)} ended with {error.code}") from error
    took = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
    (job.folder / TIME_FILE).write_text(json.dumps(took) + "\n")
    return took["wall_s"]


def _clear(folder: Path) -> None:
    """Take the leavings of an interrupted or different run away: a run folder is never trained into twice."""
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


def _say(job: Job, future: Future[float]) -> str:
    """Tell how a job ended; give a line if it failed."""
    error = future.exception()
    if error is None:
        print(f"{time.strftime('%H:%M:%S')} done: {job.name} ({future.result():.0f} s)", flush=True)
        return ""
    print(f"{time.strftime('%H:%M:%S')} FAILED: {job.name}: {error}", flush=True)
    return f"{job.name}: {error}"
