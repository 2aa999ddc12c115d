"""Resume an interrupted run or sweep."""

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

_RESUME_KEYS = ("resume", "retry_failed", "ckpt_path")


def resume_command(arguments: Sequence[str]) -> list[str]:
    """Turn `resume=DIR` into the command line that started the run or the sweep in DIR.

    Args:
        arguments: The command line of `train`.

    Returns:
        The resuming command line; unchanged if nothing is resumed.

    Raises:
        ValueError: DIR is neither a run nor a sweep, or a setting of the experiment would change.
    """
    folders = [word.partition("=")[2].strip("'\"") for word in arguments if word.startswith("resume=")]
    if not folders or folders[-1] in ("", "null") or "LOCAL_RANK" in os.environ:
        return list(arguments)  # further ranks get the complete command line
    folder = Path(folders[-1])
    more = [word for word in arguments if not word.startswith("resume=") and word not in ("-m", "--multirun")]
    _check_unchanged(more, folder)
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
    keys = {_key(word) for word in more} | set(_RESUME_KEYS)
    kept = [word for word in before if _key(word) not in keys and not _key(word).startswith(left_out)]
    return [*start, *kept, *more, f"resume={quoted(str(folder))}"]


def should_resume(config: DictConfig) -> bool:
    """Check whether a run resumes from its folder.

    Either the user asks for it, or SLURM requeued the job after a preemption, a node failure or a time limit
    (`SLURM_RESTART_COUNT`).

    Args:
        config: The config of `train`.

    Raises:
        ValueError: `ckpt_path` is neither `last` nor null.
    """
    if config.ckpt_path not in (None, "last"):
        raise ValueError(f"ckpt_path={config.ckpt_path}; use last, or null to start anew")
    asked = config.ckpt_path == "last" or config.resume is not None
    return asked or int(os.environ.get("SLURM_RESTART_COUNT") or 0) > 0


def why_finished(config: DictConfig, folder: Path) -> str:
    """Say why a resumed run, or a job of a resumed sweep, has nothing left to do; empty where it has.

    Args:
        config: The config of `train`.
        folder: The run folder.
    """
    from musicgen.pipeline.status import is_alive, read_status

    if config.resume is None or is_alive(folder):
        return ""
    return why_skipped(read_status(folder), config, folder)


def why_skipped(status: "Status | None", config: DictConfig, folder: Path) -> str:
    """Say why a run of this status is skipped: done, or failed or pruned without `retry_failed`.

    A run that is named itself, and not the sweep that it is a job of, is meant to be run again.
    """
    if config.resume is None or status is None:
        return ""
    is_named = Path(config.resume).resolve() == folder.resolve()
    if status.state == "done":
        return f"{folder} is done"
    if status.state in ("failed", "pruned") and not (config.retry_failed or is_named):
        return f"{folder} is {status.state} ({status.reason}); retry_failed=true runs it again"
    return ""


def unfinished(jobs: Sequence[Sequence[str]], sweep: Path) -> list[Sequence[str]]:
    """Filter out the finished jobs of a sweep.

    Args:
        jobs: The overrides of each job.
        sweep: The sweep's folder.
    """
    from musicgen.pipeline.status import STATUS_FILE, read_status

    done = []
    for folder in (file.parent for file in sweep.rglob(STATUS_FILE)):
        status, path = read_status(folder), folder / ".hydra" / "overrides.yaml"
        if status is not None and status.state == "done" and path.is_file():
            done.append(_experiment(_plain(OmegaConf.load(path))))
    return [job for job in jobs if _experiment(job) not in done]


def _experiment(overrides: Sequence[str]) -> frozenset[str]:
    """Return the overrides that identify the experiment, without paths and launcher settings."""
    return frozenset(of_experiment(overrides))


def _check_unchanged(arguments: Sequence[str], folder: Path) -> None:
    fixed = of_experiment(word for word in arguments if not word.startswith("-"))
    if fixed:
        raise ValueError(
            f"resume={folder} resumes with the settings of that folder; {' '.join(fixed)} would change them; "
            f"leave it out, or start a new run from its weights: init_from={folder} instead of resume. "
            "What may change is where and how it runs: hydra, data.root, threads, trainer, retry_failed …"
        )


def _key(override: str) -> str:
    return override.partition("=")[0].lstrip("+~")


def _plain(overrides: Any) -> list[str]:
    """Return overrides as they were typed: `${hydra.job.num}` is each job's own."""
    words: Any = OmegaConf.to_container(overrides, resolve=False)
    return [str(word) for word in words]
