"""A command line's overrides, and what Hydra composes of those that choose groups."""

import itertools
import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from hydra import compose
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from musicgen.cli.shared.settings.usage import UsageError, nearest
from musicgen.config.grammar import plain_value
from musicgen.config.tree import config_dir

INCLUDED = ("base", "of_run")  # files that others include; nobody chooses them
SEVERAL = ("callbacks", "logger", "own_metrics", "experiment")  # groups of which several files go together
EXTRA_OF_LAUNCHER = {"joblib": "joblib", "ray": "ray", "submitit_slurm": "slurm", "submitit_local": "slurm"}


def parse(lines: Sequence[str]) -> list[Override]:
    """Parse overrides as Hydra does.

    Raises:
        UsageError: One is not in the grammar.
    """
    try:
        loader = GlobalHydra.instance().config_loader()  # which knows what a glob of a group stands for
        return OverridesParser.create(config_loader=loader).parse_overrides(list(lines))
    except HydraException as error:
        raise UsageError(sentence(error)) from error


def chooses_group(override: Override, *, verb: str) -> bool:
    """Return whether an override chooses a file of a group, or is Hydra's own."""
    key = override.key_or_group
    if key.startswith("hydra") or override.package is not None or "/" in key:
        return True
    return (config_dir() / key).is_dir() and key not in _own_settings(verb)


@cache
def _own_settings(verb: str) -> frozenset[str]:
    """Name the settings that the top config of a verb has itself, though a group elsewhere has that name."""
    top = OmegaConf.load(config_dir() / f"{verb}.yaml")
    assert isinstance(top, DictConfig)
    groups = {str(name) for entry in top.defaults if not isinstance(entry, str) for name in entry}
    return frozenset(map(str, top)) - {name.partition("@")[0] for name in groups}


def values_of(override: Override) -> list[Any]:
    """List all values of an override, in plain form; of an interval both ends."""
    if override.is_delete():
        return []
    if not override.is_sweep_override():
        return [plain_value(override._value)]
    if isinstance(override._value, IntervalSweep):
        return [override._value.start, override._value.end]
    return [plain_value(value) for value in override.sweep_iterator()]


def options_of(group: str) -> list[str]:
    """List the files of a group of ours that can be chosen; none where it is no such group."""
    return sorted(path.stem for path in (config_dir() / group).glob("*.yaml") if path.stem not in INCLUDED)


def composed_groups(verb: str, overrides: Sequence[Override]) -> DictConfig:
    """Compose the config of a verb with some groups chosen, of a sweep over them with the first choice.

    Args:
        verb: Name of the top config.
        overrides: Those that choose groups, and Hydra's own.

    Raises:
        UsageError: A choice does not exist; the message names those that do.
    """
    if not any(override.key_or_group == "hydra.searchpath" for override in overrides):  # which may add some
        for override in overrides:
            _check_choice(override)
    config = _composed(verb, [text for override in overrides for text in _with_first_value(override)])
    for name in ("launcher", "sweeper"):
        if not isinstance(config.hydra[name], DictConfig) or "_target_" not in config.hydra[name]:
            raise UsageError(f"hydra.{name}={config.hydra[name]}: choose one by name: hydra/{name}=NAME")
    return config


def _with_first_value(override: Override) -> list[str]:
    if not override.is_sweep_override():
        return [str(override.input_line)]
    if override.key_or_group.startswith("hydra") or not override.is_discrete_sweep():
        return []
    values = override.sweep_string_iterator()  # none for a glob over a group that is not there
    return [f"{override.get_key_element()}={value}" for value in itertools.islice(values, 1)]


def _check_choice(override: Override) -> None:
    """Refuse a choice that a group of ours does not have, and several where one is meant."""
    group, options = override.key_or_group, options_of(override.key_or_group)
    for value in values_of(override) if options and override.package != "_global_" else []:
        if isinstance(value, list) and len(value) > 1 and group not in SEVERAL:
            typed = ",".join(map(str, value))
            raise UsageError(
                f"{override.input_line}: choose one; for a run with each type -m {group}={typed}"
            )
        for name in value if isinstance(value, list) else [value]:
            if name not in options:
                guess = nearest("none" if name is None else str(name), options)
                more = f"; did you mean {group}={guess[0]}?" if guess else ""
                raise UsageError(
                    f"{override.input_line}: `{group}` is a group of settings, chosen by name: "
                    f"{', '.join(options)}{more}"
                )


def _composed(verb: str, overrides: Sequence[str]) -> DictConfig:
    try:
        return compose(verb, overrides=list(overrides), return_hydra_config=True)
    except Exception as error:  # whatever Hydra raises of what was typed
        raise UsageError(_explained(error, overrides, verb=verb)) from error


def _explained(error: Exception, overrides: Sequence[str], *, verb: str) -> str:
    """Say in one sentence what Hydra could not compose, and what to type instead."""
    text = sentence(error)
    options = re.search(r"Available options in '([^']+)': (.*?) Config search path", text)
    for override in overrides:
        key, _, value = override.partition("=")
        key = key.lstrip("+~")
        if key not in text:
            continue
        if key == "hydra/launcher" and value in EXTRA_OF_LAUNCHER:
            extra = EXTRA_OF_LAUNCHER[value]
            return f'{override} needs a package that is not installed: pip install "musicgen-lab[{extra}]"'
        if options and options[1] == key:
            return f"{override}: use one of {', '.join(options[2].split())}"
        groups = [str(group) for group in _composed(verb, []).hydra.runtime.choices if group]
        parts = [name for name in groups if name.split("@")[0] == key and name != key]
        if parts:
            each = " and ".join(f"{name}={value}" for name in parts)
            return f"{override}: `{key}` is chosen for each part of {verb}, such as {each}"
        if key not in groups and (config_dir() / key).is_dir():
            return f"{override}: musicgen {verb} has no setting `{key}`; musicgen {verb} --help lists all"
        return f"{override}: {text.partition(' To append')[0]}"
    return text


def sentence(error: BaseException) -> str:
    """Write an exception and its cause as one line, without Hydra's names for what it was reading."""
    texts = [str(error)]
    if isinstance(error.__cause__, OmegaConfBaseException):
        texts.append(str(error.__cause__))
    lines = [line.strip() for text in texts for line in text.splitlines()]
    return " ".join(line for line in lines if line and not re.match(r"(full_key|\w+_type)[:=]", line))


def resolved(config: DictConfig, key: str) -> Any:
    """Read a setting in plain form; None where it hangs on what only a running job knows."""
    try:
        node = OmegaConf.select(config, key, throw_on_missing=False)
        return OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node
    except OmegaConfBaseException:
        return None
