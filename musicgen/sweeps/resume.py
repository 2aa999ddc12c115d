"""Going on with a run or a sweep that was interrupted."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from musicgen.config.grammar import quoted
from musicgen.config.keys import of_experiment
from musicgen.config.tree import read_run_config

if TYPE_CHECKING:
    from musicgen.pipeline.status import Status

log = logging.getLogger(__name__)

_OWN = ("resume", "retry_failed", "ckpt_path")


def resumed(arguments: Sequence[str]) -> list[str]:
    """Turn `resume=DIR` into the command line that started the run or the sweep in DIR.

    Args:
        arguments: The command line of `train`.

    Returns:
        The one to go on with; as it was if it resumes nothing.

    Raises:
        ValueError: DIR is neither a run nor a sweep, or a setting of the experiment is to be changed.
    """
    given = list(arguments)
    folders = [one.partition("=")[2].strip("'\"") for one in given if one.startswith("resume=")]
    if not folders or folders[-1] in ("", "null") or "LOCAL_RANK" in os.environ:
        return given  # a further process of a run gets the whole command line
    folder = Path(folders[-1])
    more = [one for one in given if not one.startswith("resume=") and one not in ("-m", "--multirun")]
    _check_free(more, folder)
    if (folder / "multirun.yaml").is_file():
        hydra = read_run_config(folder / "multirun.yaml").hydra
        start = ["-m", f"hydra.sweep.dir={quoted(str(folder))}"]
        left_out = ("hydra.sweep.dir", "hydra.mode")
    elif (folder / ".hydra" / "hydra.yaml").is_file():
        hydra = read_run_config(folder / ".hydra" / "hydra.yaml").hydra
        start = [f"hydra.run.dir={quoted(str(folder))}"]
        left_out = ("hydra.run.dir", "hydra.mode", "hydra.sweep", "hydra/launcher", "hydra.launcher")
        left_out += ("hydra/sweeper", "hydra.sweeper", "hydra.job.config.override_dirname")
    else:
        raise ValueError(
            f"resume={folder}: it holds neither multirun.yaml nor .hydra/hydra.yaml; "
            "name the folder of a sweep or of a run, such as outputs/train/2026-11-23_10-00-00"
        )
    before = [*_plain(hydra.overrides.hydra), *_plain(hydra.overrides.task)]
    keys = {_key(one) for one in more} | set(_OWN)
    kept = [one for one in before if _key(one) not in keys and not _key(one).startswith(left_out)]
    return [*start, *kept, *more, f"resume={quoted(str(folder))}"]


def goes_on(config: DictConfig) -> bool:
    """Tell whether a run goes on with what its folder holds.

    Because its user says so, or because SLURM started it a second time, in the same folder with the same
    command: after a preemption, a node that failed, or a time limit (`SLURM_RESTART_COUNT`).

    Args:
        config: Of `train`.

    Raises:
        ValueError: Its `ckpt_path` is something else than `last` or null.
    """
    if config.ckpt_path not in (None, "last"):
        raise ValueError(f"ckpt_path={config.ckpt_path}; use last, or null to begin anew")
    asked = config.ckpt_path == "last" or config.resume is not None
    return asked or int(os.environ.get("SLURM_RESTART_COUNT") or 0) > 0


def is_settled(config: DictConfig) -> bool:
    """Tell of a job of a resumed sweep that there is nothing to do, as it stands now.

    Args:
        config: Of `train`.
    """
    from musicgen.pipeline.status import is_alive, read_status

    folder = Path(config.run_dir)
    if config.resume is None or is_alive(folder):
        return False
    return settles(read_status(folder), config)


def settles(status: "Status | None", config: DictConfig) -> bool:
    """Tell whether a run with this status is left: done, or failed or pruned and not to be tried again."""
    if config.resume is None or status is None:
        return False
    if status.state == "done":
        log.info("Kept: %s is done", config.run_dir)
    elif status.state in ("failed", "pruned") and not config.retry_failed:
        told = f"{status.state} ({status.reason})"
        log.info("Left: %s is %s; retry_failed=true runs it again", config.run_dir, told)
    else:
        return False
    return True


def unfinished(jobs: Sequence[Sequence[str]], sweep: Path) -> list[Sequence[str]]:
    """Leave out the jobs of a sweep that are done.

    Args:
        jobs: The overrides of each job.
        sweep: The sweep's folder.
    """
    from musicgen.pipeline.status import STATUS_FILE, read_status

    done = []
    for folder in (path.parent for path in sweep.rglob(STATUS_FILE)):
        status, asked = read_status(folder), folder / ".hydra" / "overrides.yaml"
        if status is not None and status.state == "done" and asked.is_file():
            done.append(_asked(_plain(OmegaConf.load(asked))))
    return [job for job in jobs if _asked(job) not in done]


def _asked(overrides: Sequence[str]) -> frozenset[str]:
    """Keep the overrides that identify the experiment, without paths and launcher settings."""
    return frozenset(of_experiment(overrides))


def _check_free(arguments: Sequence[str], folder: Path) -> None:
    fixed = of_experiment(argument for argument in arguments if not argument.startswith("-"))
    if fixed:
        raise ValueError(
            f"resume={folder} goes on with the settings of that folder, {' '.join(fixed)} would change them; "
            f"leave it out, or start anew without resume. "
            "What may change is where and how it runs: hydra, data.root, threads, trainer, retry_failed …"
        )


def _key(override: str) -> str:
    return override.partition("=")[0].lstrip("+~")


def _plain(overrides: Any) -> list[str]:
    return [str(one) for one in overrides]
