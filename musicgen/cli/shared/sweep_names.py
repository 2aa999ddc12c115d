"""Names of a sweep's jobs: what differs between them, and nothing else."""

from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import OmegaConf

from musicgen.config.tree import config_dir

LONGEST_NAME = 200  # bytes of a folder's name; file systems take 255
_EXCLUDED = "hydra.job.config.override_dirname.exclude_keys"
_SUBDIR = "hydra.sweep.subdir"


def named_by_differences(arguments: Sequence[str], *, verb: str) -> list[str]:
    """Leave out of the names of a sweep's folders what all of its jobs share.

    Hydra names a job by all of its overrides, so that a sweep over epochs with twelve other settings has
    names that say little, and that no file system takes. Jobs whose names are too long even so are numbered.

    Args:
        arguments: The command line of a Hydra application.
        verb: Its top config.

    Returns:
        The command line with what names the folders in it; as it was where it starts one job, where
        nothing differs, where the user names the folders, or where Hydra is to say what is wrong with it.
    """
    given = list(arguments)
    if not {"-m", "--multirun"} & set(given) or any(a.startswith((_EXCLUDED, _SUBDIR)) for a in given):
        return given
    try:
        parser = OverridesParser.create()
        overrides = parser.parse_overrides([a for a in given if not a.startswith("-")])
        swept = _swept_by_experiments(overrides) | {
            one.key_or_group: one for one in overrides if one.is_sweep_override()
        }
    except (HydraException, OSError):
        return given
    if not swept:
        return given
    if sum(_length(override) + 1 for override in swept.values()) > LONGEST_NAME:
        return _beside_overrides(given, f"{_SUBDIR}=${{hydra.job.num}}")
    output = OmegaConf.load(config_dir() / "output" / f"{verb}.yaml")
    usual = OmegaConf.select(output, _EXCLUDED.removeprefix("hydra."), default=[])
    keys = dict.fromkeys([*usual, *(one.key_or_group for one in overrides)])
    shared = [key for key in keys if key not in swept and not key.startswith("hydra")]
    return _beside_overrides(given, f"{_EXCLUDED}=[{','.join(shared)}]")


def _beside_overrides(arguments: list[str], override: str) -> list[str]:
    """Put an override after the first one: with an option between, argparse would not take it for one."""
    first = next(number for number, argument in enumerate(arguments) if not argument.startswith("-"))
    return [*arguments[: first + 1], override, *arguments[first + 1 :]]


def _swept_by_experiments(overrides: Sequence[Override]) -> dict[str, Override]:
    """Find what the chosen experiments sweep over by themselves (`hydra.sweeper.params`)."""
    params: dict[str, Any] = {}
    for override in overrides:
        if override.key_or_group == "experiment" and not override.is_sweep_override():
            experiment = OmegaConf.load(config_dir() / "experiment" / f"{override.value()}.yaml")
            params |= OmegaConf.select(experiment, "hydra.sweeper.params") or {}
    parsed = OverridesParser.create().parse_overrides([f"{key}={value}" for key, value in params.items()])
    return {one.key_or_group: one for one in parsed}


def _length(override: Override) -> int:
    """Give the bytes of the longest `key=value` of an override."""
    key = len(override.get_key_element()) + 1
    if not override.is_sweep_override():
        return key + len(override.get_value_element_as_str().encode())
    if not override.is_discrete_sweep():
        return key + 24
    return key + max(len(value.encode()) for value in override.sweep_string_iterator())
