"""The jobs of a sweep: their overrides and configs."""

import itertools
from collections.abc import Sequence
from typing import Any

from hydra import compose
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from musicgen.config.tree import config_dir


def job_overrides(hydra: DictConfig) -> list[list[str]]:
    """List the overrides of each job, as Hydra's basic sweeper does: what comes last of a key counts.

    Args:
        hydra: The Hydra part of a sweep's config.

    Raises:
        ValueError: Another sweeper is used, or an override has no list of values.
    """
    if not str(hydra.sweeper.get("_target_", "")).endswith("BasicSweeper"):
        raise ValueError(f"the jobs of {hydra.sweeper.get('_target_')} are not known beforehand")
    params: dict[str, Any] = dict(hydra.sweeper.get("params") or {})
    lines = [f"{key}={value}" for key, value in params.items()] + [
        str(override) for override in hydra.overrides.task
    ]
    try:
        overrides = OverridesParser.create().parse_overrides(lines)
    except HydraException as error:
        raise ValueError(str(error)) from error
    choices = {override.get_key_element(): _choices(override) for override in overrides}
    return [list(job) for job in itertools.product(*choices.values())]


def _choices(override: Override) -> list[str]:
    key = override.get_key_element()
    if not override.is_sweep_override():
        return [f"{key}={override.get_value_element_as_str()}"]
    if not override.is_discrete_sweep():
        raise ValueError(f"{override.input_line}: an interval has no list of values; use musicgen search")
    return [f"{key}={value}" for value in override.sweep_string_iterator()]


def differing(jobs: Sequence[Sequence[str]]) -> list[list[str]]:
    """Return the overrides of each job that not all jobs share."""
    shared = set(jobs[0]).intersection(*jobs[1:]) if len(jobs) > 1 else set()
    return [[override for override in job if override not in shared] for job in jobs]


def composed(jobs: Sequence[Sequence[str]]) -> list[DictConfig]:
    """Compose the config of each job.

    Hydra composes once per choice of config groups; plain values are then set as Hydra itself does, which is
    fast for large sweeps.

    Args:
        jobs: The overrides of each job.
    """
    parser, made, configs = OverridesParser.create(), {}, []
    for job in jobs:
        overrides = parser.parse_overrides([line for line in job if not line.startswith("hydra")])
        values = [override for override in overrides if _is_plain(override)]
        groups = tuple(str(override.input_line) for override in overrides if not _is_plain(override))
        if groups not in made:
            made[groups] = compose("train", overrides=[*groups, "run_dir=''"])
        config = made[groups].copy()
        for override in values:
            OmegaConf.update(config, override.key_or_group, override.value())
        configs.append(config)
    return configs


def _is_plain(override: Override) -> bool:
    """Check whether an override sets a value, not a group, an addition or a deletion."""
    plain_change = override.type == OverrideType.CHANGE and override.package is None
    return plain_change and not (config_dir() / override.key_or_group).is_dir()
