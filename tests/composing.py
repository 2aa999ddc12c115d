"""Configs as `musicgen` composes them; each choice of groups once, since Hydra takes half a second for it."""

from collections.abc import Sequence
from functools import cache

from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from musicgen.config.tree import config_dir
from musicgen.sweeps.plan.jobs import _is_plain


def composed(top: str, *overrides: str) -> DictConfig:
    """Compose the config of a verb; plain values are set as a sweep's plan sets them (`test_plan.py`)."""
    values = [override for override in _parsed(overrides) if _is_plain(override)]
    groups = tuple(str(override.input_line) for override in _parsed(overrides) if not _is_plain(override))
    config = _composed(top, groups).copy()
    for override in values:
        OmegaConf.update(config, override.key_or_group, override.value())
    return config


def _parsed(overrides: Sequence[str]) -> list:
    return OverridesParser.create().parse_overrides(list(overrides))


@cache
def _composed(top: str, groups: tuple[str, ...]) -> DictConfig:
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        return compose(top, overrides=list(groups))
