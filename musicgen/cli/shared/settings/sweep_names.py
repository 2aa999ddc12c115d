"""Names of a sweep's jobs: what differs between them, and nothing else."""

import re
from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

LONGEST_NAME = 200  # bytes of a folder's name; file systems take 255
_EXCLUDED = "hydra.job.config.override_dirname.exclude_keys"
_SUBDIR = "hydra.sweep.subdir"
_NO_NAME = re.compile(r'[/\\:*?"<>|\x00-\x1f]')  # characters that some file system takes for something else


def naming(overrides: Sequence[str], *, config: DictConfig) -> list[str]:
    """Leave out of the names of a sweep's folders what all of its jobs share.

    Hydra names a job by all of its overrides, so that a sweep over epochs with twelve other settings has
    names that say little, and that no file system takes. Jobs are numbered where a value is no part of a
    name (a path would lead out of the sweep's folder) or a name would be too long.

    Args:
        overrides: The command line of a Hydra application.
        config: What it is composed to, for what its experiment sweeps over.

    Returns:
        Further overrides, which name the folders; none where the user names them or nothing differs.
    """
    if any(one.startswith((_EXCLUDED, _SUBDIR)) for one in overrides):
        return []
    params = OmegaConf.select(config, "hydra.sweeper.params") or {}
    parser = OverridesParser.create()
    typed = parser.parse_overrides(list(overrides))
    by_experiment = parser.parse_overrides([f"{key}={value}" for key, value in params.items()])
    last = {one.key_or_group: one for one in [*by_experiment, *typed]}
    swept = {key: one for key, one in last.items() if one.is_sweep_override()}
    if not swept:
        return []
    values = {key: _values(one) for key, one in swept.items()}
    longest = sum(len(key) + 2 + max(len(value.encode()) for value in found) for key, found in values.items())
    if longest > LONGEST_NAME or any(_NO_NAME.search(value) for found in values.values() for value in found):
        return [f"{_SUBDIR}=${{hydra.job.num}}"]
    usual = OmegaConf.select(config, _EXCLUDED) or []
    keys = dict.fromkeys([*usual, *last])
    shared = [key for key in keys if key not in swept and not key.startswith("hydra")]
    return [f"{_EXCLUDED}=[{','.join(shared)}]"]


def _values(override: Override) -> list[str]:
    """List the values of a setting as they stand in a name."""
    return list(override.sweep_string_iterator()) if override.is_discrete_sweep() else ["0" * 24]
