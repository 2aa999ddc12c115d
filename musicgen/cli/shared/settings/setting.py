"""One typed `key=value`, rewritten into what its setting takes."""

import os
import re
from dataclasses import replace
from typing import Any

from omegaconf import OmegaConf

from musicgen.cli.shared.settings.usage import UsageError
from musicgen.config.grammar import plain_value, quoted, readable, written
from musicgen.config.kinds import Kind
from musicgen.config.schema import PER_STAGE, TABLES, stated_kind
from musicgen.config.tree import config_dir
from musicgen.files.run_folders import find_run

OUTPUT_FOLDERS = ("hydra.run.dir", "hydra.sweep.dir")  # of one run or sweep, so never several values
_NUMBER = re.compile(r"[+-]?[\d_]*\.?[\d_]+\.?(e[+-]?\d+)?", re.IGNORECASE)


def read_setting(argument: str, *, verb: str, is_sweep: bool) -> str:
    """Rewrite one `key=value`, in Hydra's grammar, so that it means what its setting takes.

    Args:
        argument: As the shell passes it; a key to be removed (`~key`) may stand without a value.
        verb: The verb, which is the name of its top config.
        is_sweep: Several values with commas are those of several runs.

    Raises:
        UsageError: It cannot be read, or is one that a user may not set.
    """
    key, _, value = argument.partition("=")
    name = key.lstrip("+~")
    if not name:
        raise UsageError(f"{argument}: the setting has no name; type key=value")
    if name.split(".")[0] in TABLES and not key.startswith(("+", "~")):
        key = f"++{key}"  # Hydra's sign for "add or replace": the keys of a table are the user's own
    kind = stated_kind(name, verb=verb)
    typed = os.path.expanduser(value) if value.startswith("~") else value
    if not key.startswith("~") and _may_be_path(typed, kind) and os.path.exists(typed):
        place = os.path.abspath(typed) if kind and kind.is_path and not kind.takes_list else typed
        value = quoted(place) if place != value or not place.isidentifier() else value
    rewritten = readable(f"{key}={value}" if "=" in argument else argument)
    override = _parsed(rewritten, argument)
    if "=" not in argument:
        return rewritten
    if override.is_sweep_override() and _is_one_path(name, value, kind, is_sweep=is_sweep):
        return read_setting(f"{key}={quoted(value)}", verb=verb, is_sweep=is_sweep)
    values = _values_of(override)
    if name.startswith("hydra"):
        return _hydras(rewritten, key, values)
    if values is None:
        return rewritten
    if name in PER_STAGE:
        values = [_per_stage(value, name, verb) for value in values]
    if kind is not None:
        if kind.takes_list and len(values) > 1 and not is_sweep:
            values = [values]
        values = [_as_meant(value, kind) for value in values]
    if values == _values_of(override):
        return rewritten
    return f"{key}={','.join(map(written, values))}"


def _parsed(rewritten: str, argument: str) -> Any:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        return OverridesParser.create().parse_override(rewritten)
    except HydraException as error:
        raise UsageError(
            f"{argument}: this cannot be read; type key=value, the key a dotted name like vq_vae.num_hiddens"
        ) from error


def _may_be_path(value: str, kind: Kind | None) -> bool:
    """Whether a value is taken for a path where there is one; a folder called 0.1 is no learning rate."""
    if kind is not None:
        return bool(value) and (kind.is_path or kind.is_text)
    return bool(value) and not value.isalnum() and not _NUMBER.fullmatch(value)


def _is_one_path(name: str, value: str, kind: Kind | None, *, is_sweep: bool) -> bool:
    """Whether a comma is a part of a folder's or a file's name, and does not stand between several."""
    if name in OUTPUT_FOLDERS:
        return True
    if is_sweep or kind is None or not kind.is_path or kind.takes_list:
        return False
    return not all(os.path.exists(os.path.expanduser(part.strip())) for part in value.split(","))


def _values_of(override: Any) -> list[Any] | None:
    """List the values of an override, one where it is no sweep; None for ranges and the like."""
    from hydra.core.override_parser.types import ChoiceSweep, Sweep

    value = override._value  # the value as parsed: `value()` resolves no sweep
    if isinstance(value, ChoiceSweep) and value.list and value.simple_form:
        return [plain_value(part) for part in value.list]
    return None if isinstance(value, Sweep) else [plain_value(value)]


def _hydras(rewritten: str, key: str, values: list[Any] | None) -> str:
    is_typed = "LOCAL_RANK" not in os.environ  # Lightning adds it for the ranks that it starts
    if key.lstrip("+~") == "hydra.output_subdir" and is_typed:
        raise UsageError(f"{rewritten}: every verb finds the settings of a run in .hydra; leave this out")
    if key.lstrip("+~") == "hydra.searchpath" and not all(map(_is_search_path, values or [""])):
        raise UsageError(f"{rewritten}: for a folder of your own settings type --config-dir DIR")
    if values and len(values) == 1 and isinstance(values[0], str) and values[0].startswith("~"):
        return f"{key}={quoted(os.path.expanduser(values[0]))}"
    return rewritten


def _is_search_path(value: Any) -> bool:
    """Whether Hydra finds settings in each of these places: a list, each `file://DIR` or `pkg://PACKAGE`."""
    places = value if isinstance(value, list) else [None]
    folders = [str(place).removeprefix("file://") for place in places if not str(place).startswith("pkg://")]
    return all(map(os.path.isdir, folders))


def _per_stage(value: Any, name: str, verb: str) -> Any:
    """Spread one number over the stages."""
    if isinstance(value, dict):
        return value
    stages = OmegaConf.select(OmegaConf.load(config_dir() / f"{verb}.yaml"), name)
    return dict.fromkeys(map(str, stages), value) if OmegaConf.is_dict(stages) else value


def _as_meant(value: Any, kind: Kind) -> Any:
    """Turn a value into what its kind is made of: texts, absolute paths, lists."""
    if isinstance(value, list):
        return [_as_meant(part, replace(kind, takes_one=True)) for part in value]
    if kind.is_text and isinstance(value, int | float) and not kind.accepts(value):
        value = str(value).lower() if isinstance(value, bool) else str(value)
    if kind.is_path and isinstance(value, str) and value:
        value = os.path.expanduser(value)
        if kind.must_be == "run":
            return _run_folder(value)
        value = value if kind.takes_list else os.path.abspath(value)
    if kind.takes_list and not kind.takes_one and value is not None:
        return [value]
    return value


def _run_folder(name: str) -> str:
    """Replace the name of a run or a model by its folder; an unknown name is refused later."""
    try:
        return os.path.abspath(find_run(name))
    except FileNotFoundError:
        return name
    except ValueError as error:
        raise UsageError(str(error)) from error
