"""Cores and devices of concurrent jobs."""

import contextlib
import getpass
import math
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from musicgen.files.locks import first_free
from musicgen.files.workers import available_cores


def launcher_name(hydra: Any) -> str:
    """Return the kind of launcher of a job: `basic`, `joblib`, `ray`, `submitit`, or its class."""
    target = str(OmegaConf.select(hydra, "launcher._target_", default=""))
    kinds = ("basic", "joblib", "ray", "submitit")
    return next((kind for kind in kinds if kind in target.lower()), target)


def jobs_at_once(hydra: Any, *, cores: int | None = None) -> int:
    """Count the jobs of a sweep that this machine runs at the same time.

    Args:
        hydra: The Hydra part of the config.
        cores: Cores of the machine; None counts them.
    """
    if launcher_name(hydra) != "joblib":
        return 1
    asked = OmegaConf.select(hydra, "launcher.n_jobs", default=1) or 1
    return int(asked) if asked > 0 else max(1, (cores or available_cores()) + 1 + int(asked))


def threads_for(hydra: Any, *, usual: int, cores: int | None = None) -> int:
    """Return the number of threads per job, so that concurrent jobs share the cores.

    Args:
        hydra: The Hydra part of the config: SLURM and ray jobs have the requested cores.
        usual: Threads of a job that runs alone.
        cores: Cores of the machine; None counts them.
    """
    name = launcher_name(hydra)
    if name == "joblib":
        share = (cores or available_cores()) // jobs_at_once(hydra, cores=cores)
        return max(1, min(usual, share))
    if name == "submitit":
        return int(OmegaConf.select(hydra, "launcher.cpus_per_task", default=None) or usual)
    if name == "ray":
        return max(1, int(OmegaConf.select(hydra, "launcher.ray.remote.num_cpus", default=None) or 1))
    return usual


@contextlib.contextmanager
def device_of_job(count: int, *, jobs: int, folder: Path | None = None) -> Iterator[int | None]:
    """Reserve a device for this job while the block runs.

    If there are more jobs than devices, the jobs share them evenly. A killed job releases its device.

    Args:
        count: Devices visible to this process.
        jobs: Number of concurrent jobs.
        folder: Folder of the lock files; None for one per user in the system's temporary folder.

    Yields:
        The device index; None if there is only one device or one job.
    """
    if count < 2 or jobs < 2:
        yield None
        return
    folder = folder or Path(tempfile.gettempdir()) / f"musicgen-devices-{getpass.getuser()}"
    visible = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]
    names = visible if len(visible) == count else [str(number) for number in range(count)]
    shares = range(math.ceil(jobs / count))
    slots = {folder / f"{names[k]}-{share}.lock": k for share in shares for k in range(count)}
    with first_free(list(slots)) as slot:
        yield slots[slot]
