"""Number of idle cores of this machine."""

import os
import time
from pathlib import Path

from musicgen.files.workers import available_cores

_STAT = Path("/proc/stat")
_SAMPLE_S = 0.25


def free_cores(*, sample_s: float = _SAMPLE_S) -> int:
    """Count the cores that are idle now, at least 1.

    OpenMP's threads wait for each other by spinning, so a training step with as many threads as cores
    becomes several times slower as soon as one other process is busy, and one thread is then the best choice.
    A core counts as free when less than half of it was used during the sample.

    Args:
        sample_s: Length of the measurement in seconds, during which the caller should be idle.

    Returns:
        1 to `available_cores()`; all of them if unknown (Windows).
    """
    cores = available_cores()
    before = _busy_and_total()
    if before is None:
        load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
        return max(1, round(cores - load))
    time.sleep(sample_s)
    after = _busy_and_total()
    assert after is not None
    total = after[1] - before[1]
    busy_share = (after[0] - before[0]) / total if total > 0 else 0.0
    return max(1, round(cores * (1 - busy_share)))


def _busy_and_total() -> tuple[int, int] | None:
    """Read the busy and total clock ticks of this process's cores; None if unavailable."""
    ours = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(available_cores())
    names = {f"cpu{number}" for number in ours}
    busy = total = 0
    try:
        for line in _STAT.read_text().splitlines():
            name, *fields = line.split()
            if name in names:
                user, nice, system, idle, iowait, irq, softirq, steal = map(int, fields[:8])
                worked = user + nice + system + irq + softirq + steal
                busy, total = busy + worked, total + worked + idle + iowait
    except (OSError, ValueError):
        return None
    return (busy, total) if total else None
