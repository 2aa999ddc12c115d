"""The settings of a run, without where it is kept and how it is watched."""

import json
import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from musicgen.config.keys import is_of_experiment
from musicgen.reports.runs.runs import Run, printable

SEED = "seed"
MISSING = "–"  # shown where a run does not have the setting at all


def settings_of(run: Run) -> dict[str, Any]:
    """Flatten a run's configuration and its chosen config groups, without paths and other noise.

    Args:
        run: A run.

    Returns:
        Dotted name to value, in the order of the configuration. A path is represented by its last
        part, so that a run moved to another machine stays the same.
    """
    flat: dict[str, Any] = {}
    for group in choices_of(run):
        flat[group] = run.choices[choices_of(run)[group]]
    flat |= flatten(run.config)
    return {
        key: _plain(value)
        for key, value in flat.items()
        if key == "data.root"  # other pieces may lie there
        or (is_of_experiment(key) and not _stands_for_others(key, value))
    }


def _stands_for_others(key: str, value: Any) -> bool:
    """Report whether a setting only gathers settings that have names of their own."""
    return key == "experiment" or (key.startswith("stage.") and str(value).startswith("${"))


def value_of(table: Mapping[str, Any], key: str) -> Any:
    """Look a setting up, and where it only points to another one (`${epochs}`), that one.

    Args:
        table: The settings of a run.
        key: Dotted name.

    Returns:
        The value; MISSING where there is none.
    """
    value = table.get(key, MISSING)
    for _ in range(8):  # a chain that is longer goes in a circle
        pointer = re.fullmatch(r"\$\{([\w.]+)\}", value) if isinstance(value, str) else None
        if pointer is None or pointer[1] not in table:
            break
        value = table[pointer[1]]
    return value


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Write a nested configuration with dotted names.

    Args:
        config: Nested mappings.
        prefix: What all names begin with.

    Returns:
        Dotted name to value; lists, and mappings without anything in them, are values.
    """
    flat: dict[str, Any] = {}
    for key, value in config.items():
        inner = isinstance(value, Mapping) and value
        flat |= flatten(value, f"{prefix}{key}.") if inner else {f"{prefix}{key}": value}
    return flat


def typed_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """Write a nested configuration with dotted names as they are typed, without what it builds."""
    return {name: value for name, value in flatten(config).items() if not name.endswith("_target_")}


def value_text(value: Any) -> str:
    """Write a setting's value as one line of text.

    Args:
        value: A value from a configuration.

    Returns:
        The text, whole; different values have different texts.
    """
    if value is None:
        text = "none"
    elif isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, float):
        text = f"{value:.12g}"
    elif isinstance(value, list | tuple):
        text = "[" + ", ".join(map(value_text, value)) + "]"
    elif isinstance(value, dict):
        text = json.dumps(value, default=str)
    else:
        text = str(value)
    return printable(text)


def choices_of(run: Run) -> dict[str, str]:
    """Map the place of a config group in the configuration to its key in Hydra's list of choices."""
    places = {}
    for choice in run.choices:
        group, _, package = choice.partition("@")
        if not group.startswith("hydra/"):
            places[(package or group).replace("/", ".")] = choice
    return places


def _plain(value: Any) -> Any:
    """Reduce a path to its last part, and a text that is a number (1e-3) to the number."""
    if not isinstance(value, str):
        return value
    if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)e[+-]?\d+", value, re.IGNORECASE):
        return float(value)
    is_path = value.startswith(("/", "~", "./", "../")) or re.match(r"[A-Za-z]:[\\/]", value)
    return PurePath(value.replace("\\", "/")).name or value if is_path else value
