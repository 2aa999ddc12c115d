"""The jobs that a sweep will have."""

import itertools
from collections.abc import Sequence
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig


def job_overrides(hydra: DictConfig) -> list[list[str]]:
    """List the overrides of each job, as Hydra's basic sweeper makes them.

    Args:
        hydra: The Hydra part of a sweep's config.

    Raises:
        ValueError: Another sweeper decides, job by job.
    """
    if not str(hydra.sweeper.get("_target_", "")).endswith("BasicSweeper"):
        raise ValueError(f"the jobs of {hydra.sweeper.get('_target_')} are not known beforehand")
    params: dict[str, Any] = dict(hydra.sweeper.get("params") or {})
    lines = [f"{key}={value}" for key, value in params.items()] + [str(one) for one in hydra.overrides.task]
    try:
        overrides = OverridesParser.create().parse_overrides(lines)
        return list(itertools.chain.from_iterable(BasicSweeper.split_arguments(overrides, None)))
    except HydraException as error:
        raise ValueError(str(error)) from error


def differing(jobs: Sequence[Sequence[str]]) -> list[list[str]]:
    """Leave out of the overrides of each job those that all jobs have."""
    shared = set(jobs[0]).intersection(*jobs[1:]) if len(jobs) > 1 else set()
    return [[one for one in job if one not in shared] for job in jobs]
