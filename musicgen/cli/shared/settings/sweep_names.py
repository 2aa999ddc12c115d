"""Names of a sweep's jobs: what differs between them, and nothing else."""

import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import islice

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from musicgen.cli.shared.settings.usage import UsageError

LONGEST_NAME = 200  # bytes of a folder's name; file systems take 255
MOST_JOBS = 1000  # whose folders are looked at where the user names them
_EXCLUDED = "hydra.job.config.override_dirname.exclude_keys"
_SUBDIR = "hydra.sweep.subdir"
_NO_NAME = re.compile(r'[/\\:*?"<>|\x00-\x1f]|[. ]$')  # what some file system takes for something else


def naming(overrides: Sequence[str], *, config: DictConfig) -> list[str]:
    """Leave out of the names of a sweep's folders what all of its jobs share.

    Hydra names a job by all of its overrides, so that a sweep over epochs with twelve other settings has
    names that say little, and that no file system takes. Jobs are numbered where a value is no part of a
    name (a path would lead out of the sweep's folder), where two values would be one name on some file
    system, or where a name would be too long.

    Args:
        overrides: The command line of a Hydra application.
        config: What it is composed to, for what its experiment sweeps over.

    Returns:
        Further overrides, which name the folders; none where the user names them or nothing differs.

    Raises:
        UsageError: The user names them, and two jobs would have one folder, or one lies outside the sweep's.
    """
    params = OmegaConf.select(config, "hydra.sweeper.params") or {}
    parser = OverridesParser.create()
    typed = parser.parse_overrides(list(overrides))
    by_experiment = parser.parse_overrides([f"{key}={value}" for key, value in params.items()])
    last = {one.key_or_group: one for one in [*by_experiment, *typed]}
    if any(one.startswith((_EXCLUDED, _SUBDIR)) for one in overrides):
        _check_folders(last, config)
        return []
    usual = OmegaConf.select(config, _EXCLUDED) or []
    swept = {key: one for key, one in last.items() if one.is_sweep_override()}
    named = swept or {key: one for key, one in last.items() if key not in usual and "hydra" not in key}
    values = {key: _values(one) for key, one in named.items()}
    longest = sum(len(key) + 2 + max(len(value.encode()) for value in found) for key, found in values.items())
    if longest > LONGEST_NAME or not all(map(_are_names, values.values())):
        return [f"{_SUBDIR}=${{hydra.job.num}}"]
    if not swept:
        return []
    keys = dict.fromkeys([*usual, *last])
    shared = [key for key in keys if key not in swept and not key.startswith("hydra")]
    return [f"{_EXCLUDED}=[{','.join(shared)}]"]


def _values(override: Override) -> list[str]:
    """List the values of a setting as they stand in a name."""
    if not override.is_sweep_override():
        return [str(override.input_line).partition("=")[2]]
    return list(override.sweep_string_iterator()) if override.is_discrete_sweep() else ["0" * 24]


def _are_names(values: Sequence[str]) -> bool:
    """Whether every file system takes the values as parts of names, and for different ones."""
    alike = {unicodedata.normalize("NFC", value).casefold() for value in values}
    return len(alike) == len(values) and not any(map(_NO_NAME.search, values))


def _check_folders(last: dict[str, Override], config: DictConfig) -> None:
    """Refuse folders of a user's naming that two jobs would share, or that lie elsewhere."""
    folders: set[str] = set()
    for folder in islice(_chosen_folders(last, config), MOST_JOBS):
        if os.path.isabs(folder) or folder.split(os.sep)[0] in ("..", "."):
            raise UsageError(f"{_SUBDIR}={folder}: a job's folder lies below its sweep's; leave this out")
        if folder in folders:
            raise UsageError(
                f"{folder}: two jobs of the sweep would write into this folder; leave {_SUBDIR} and "
                f"{_EXCLUDED} out, or let {_SUBDIR} end in ${{hydra.job.num}}"
            )
        folders.add(folder)


def _chosen_folders(last: dict[str, Override], config: DictConfig) -> Iterator[str]:
    """Yield the folder of each job as Hydra would name it; none where the sweeper alone knows the jobs."""
    from hydra._internal.config_loader_impl import get_overrides_dirname
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

    if not str(config.hydra.sweeper._target_).endswith("BasicSweeper"):
        return
    parser, style = OverridesParser.create(), config.hydra.job.config.override_dirname
    settings = [one for key, one in last.items() if not key.startswith("hydra")]
    [jobs] = BasicSweeper.split_arguments(settings, max_batch_size=None)
    for number, job in enumerate(jobs):
        mine, parsed = config.copy(), parser.parse_overrides(list(job))
        OmegaConf.set_readonly(mine.hydra, False)
        for one in parsed:
            if not one.is_delete():
                OmegaConf.update(mine, one.key_or_group, one.value(), force_add=True)
        mine.hydra.job.num, mine.hydra.job.id = number, str(number)
        mine.hydra.job.override_dirname = get_overrides_dirname(
            parsed, list(style.exclude_keys), style.item_sep, style.kv_sep
        )
        HydraConfig.instance().set_config(mine)
        try:
            yield os.path.normpath(str(mine.hydra.sweep.subdir))
        except OmegaConfBaseException as error:
            raise UsageError(f"{_SUBDIR}: {str(error).splitlines()[0]}") from error
    HydraConfig.instance().set_config(config)
