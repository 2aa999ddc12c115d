"""Settings that a run takes from the run whose weights it starts from."""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import OmegaConf

from musicgen.config.grammar import plain_value, written
from musicgen.config.tree import config_dir, read_run_config

# What decides the shapes of networks, and what their inputs are.
GROUPS = (
    "grid",
    "quantizer",
    "bottleneck",
    "pattern",
    "noise",
    "cells",
    "vq_vae",
    "condition",
    "transformer",
)
KEYS = (*GROUPS, "windows", "data.one_key")
_LATER = {"vq_vae.local_codes": "false"}  # settings that came later, and what networks from before have


def settings_of_start(settings: Sequence[str]) -> list[str]:
    """List the settings that make networks of the shapes of those that `init_from` names.

    Choices of groups come first, then each setting in which the earlier run differs from them. What is typed
    stays as it is typed. An experiment states its own settings, so nothing is taken where one is chosen.

    Args:
        settings: Overrides of `train`, in Hydra's grammar.

    Returns:
        Overrides to put before them; none without `init_from`, or where the folder is no run of `train`.
    """
    typed = [setting.partition("=")[0].lstrip("+~") for setting in settings]
    start = next((folder for setting in settings for folder in _initial(setting)), None)
    if start is None or "experiment" in typed:
        return []
    try:
        before = read_run_config(start / ".hydra" / "config.yaml")
        hydra = read_run_config(start / ".hydra" / "hydra.yaml").hydra
    except (OSError, ValueError, AttributeError):
        return []
    choices = OmegaConf.select(hydra, "runtime.choices") or {}
    if OmegaConf.select(hydra, "job.config_name") != "train":
        return []
    groups = [f"{name}={choices[name]}" for name in GROUPS if choices.get(name) and name not in typed]
    chosen = [*groups, *(setting for setting in settings if setting.partition("=")[0] in GROUPS)]
    try:
        now = _composed(chosen)
    except HydraException:  # a choice that is not there any more, or several; the check says what is wrong
        return []
    return [*groups, *_differing(before, now, typed=typed)]


def _initial(setting: str) -> Iterator[Path]:
    """Yield the folders that a setting names as `init_from`; the first counts where it is swept over."""
    if setting.partition("=")[0].lstrip("+") != "init_from":
        return
    try:
        override = OverridesParser.create().parse_override(setting)
    except HydraException:
        return
    values = override.sweep_iterator() if override.is_sweep_override() else [override._value]
    for value in map(plain_value, values):
        if isinstance(value, str) and Path(value).is_dir():
            yield Path(value)


def _composed(overrides: Sequence[str]) -> Any:
    is_set = GlobalHydra.instance().is_initialized()
    place = nullcontext() if is_set else initialize_config_dir(str(config_dir()), version_base="1.3")
    with place:
        return compose("train", overrides=list(overrides))


def _differing(before: Any, now: Any, *, typed: Sequence[str]) -> Iterator[str]:
    """Yield a setting for each value of the earlier run that is another one now, and is not typed."""
    for key in KEYS:
        if key in typed:
            continue
        old, new = (dict(_leaves(_at(config, key), key)) for config in (before, now))
        for name, value in old.items():
            refers = isinstance(value, str) and "${" in value
            if name in new and value != new[name] and name not in typed and not refers:
                yield f"{name}={written(value)}"
        for name, value in _LATER.items():
            if old and name in new and name not in old and name not in typed:
                yield f"{name}={value}"


def _at(config: Any, key: str) -> Any:
    """Return a setting as it is written, without following what it refers to; None where it is not there."""
    *parents, name = key.split(".")
    for parent in parents:
        config = config.get(parent) or {}
    return config._get_node(name) if OmegaConf.is_config(config) and name in config else None


def _leaves(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    """Yield dotted name and plain value of each setting; what refers to another one stays a text."""
    if OmegaConf.is_config(value):
        value = OmegaConf.to_container(value, resolve=False)
    if not isinstance(value, dict):
        yield key, value
        return
    for name, part in value.items():
        if not str(name).startswith("_"):
            yield from _leaves(part, f"{key}.{name}")
