"""What differs between runs: the settings whose values are not the same."""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePath
from typing import Any

from musicgen.config.keys import is_of_experiment
from musicgen.reports.runs.runs import Run, natural, printable

SEED = "seed"
MISSING = "–"  # shown where a run does not have the setting at all
MAX_VALUE = 28


@dataclass(frozen=True)
class Knob:
    """One setting that differs, with its value in each run."""

    key: str  # as in the configuration: vq_vae.num_hiddens
    label: str  # as short as stays unambiguous: num_hiddens
    values: tuple[Any, ...]  # one a run; MISSING where a run does not have it

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """Write the value of each run as a short text; different values have different texts."""
        full = [value_text(value) for value in self.values]
        rounded = [
            f"{v:.4g}" if isinstance(v, float) else text for v, text in zip(self.values, full, strict=True)
        ]
        if len(set(rounded)) == len(set(full)):  # what a search drew has seventeen digits
            full = rounded
        short = {text: _shortened(text) for text in dict.fromkeys(full)}
        taken = Counter(short.values())
        for number, (text, shortened) in enumerate(short.items(), start=1):
            if taken[shortened] > 1:
                short[text] = f"{shortened} #{number}"
        return tuple(short[text] for text in full)

    @property
    def shown(self) -> tuple[str, ...]:
        """List the distinct values as texts, in natural order."""
        return tuple(sorted(set(self.texts), key=natural))

    @property
    def is_numeric(self) -> bool:
        """Tell whether every run has a number here."""
        return all(isinstance(value, int | float) and not isinstance(value, bool) for value in self.values)


def settings(run: Run) -> dict[str, Any]:
    """Flatten a run's configuration and its chosen config groups, without paths and other noise.

    Args:
        run: A run.

    Returns:
        Dotted name to value, in the order of the configuration. A path is represented by its last
        part, so that a run moved to another machine stays the same.
    """
    flat: dict[str, Any] = {}
    for group in _choices(run):
        flat[group] = run.choices[_choices(run)[group]]
    flat |= flatten(run.config)
    return {
        key: _plain(value)
        for key, value in flat.items()
        if key == "data.root"  # other pieces may lie there
        or (is_of_experiment(key) and key != "experiment")  # whose settings stand for themselves
    }


def setting(table: Mapping[str, Any], key: str) -> Any:
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


def differing_knobs(runs: Sequence[Run]) -> tuple[Knob, ...]:
    """Find the settings that are not the same in all runs.

    What follows from the choice of a config group (`quantizer=gradient` has no decay) is left out,
    unless it was set by hand. A run without a configuration is not asked.

    Args:
        runs: The runs to compare.

    Returns:
        The differing settings in the order of the configuration, `seed` last.
    """
    table = [settings(run) for run in runs]
    asked = [row for row in table if row]
    overridden = {_override_key(line) for run in runs for line in run.overrides}
    groups = [
        group for group in dict.fromkeys(g for run in runs for g in _choices(run)) if _differs(group, asked)
    ]
    keys = []
    for key in dict.fromkeys(key for row in asked for key in row):
        in_all_schemas = all(any(_top(other) == _top(key) for other in row) for row in asked)
        if not _differs(key, asked) or not (in_all_schemas or key in overridden):
            continue
        implied = any(key.startswith(f"{group}.") and _follows(key, group, asked) for group in groups)
        if not implied or key in overridden:
            keys.append(key)
    keys.sort(key=lambda key: key == SEED)
    labels = _labels(keys, groups, {_top(key) for row in asked for key in row})
    return tuple(Knob(key, labels[key], tuple(row.get(key, MISSING) for row in table)) for key in keys)


def shared_settings(runs: Sequence[Run]) -> dict[str, Any]:
    """Collect the settings that all runs have in common.

    Args:
        runs: The runs to compare.

    Returns:
        Dotted name to the common value.
    """
    table = [row for row in map(settings, runs) if row]
    return {key: value for key, value in (table[0] if table else {}).items() if not _differs(key, table)}


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


def _shortened(text: str) -> str:
    """Leave out the middle of a long text: paths and lists differ at their ends."""
    return text if len(text) <= MAX_VALUE else f"{text[: MAX_VALUE // 2]}…{text[1 - MAX_VALUE // 2 :]}"


def _choices(run: Run) -> dict[str, str]:
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


def _differs(key: str, table: Sequence[Mapping[str, Any]]) -> bool:
    return len({_canonical(row.get(key, MISSING)) for row in table}) > 1


def _follows(key: str, group: str, table: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether each choice of the group goes with one value of the key."""
    pairs = {(_canonical(row.get(group)), _canonical(row.get(key, MISSING))) for row in table}
    return len(pairs) == len({choice for choice, _ in pairs})


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _top(key: str) -> str:
    return key.split(".")[0]


def _override_key(line: str) -> str:
    return line.split("=")[0].lstrip("+~").split("@")[-1].replace("/", ".")


def _labels(keys: Sequence[str], groups: Sequence[str], top_level: set[str]) -> dict[str, str]:
    """Shorten dotted names to their last part where no other one, and no group, is called so."""
    bare = {key: key.removesuffix("._target_") for key in keys}
    last = {key: bare[key].split(".")[-1] for key in keys}
    counts = Counter(last.values())
    return {
        key: bare[key]
        if key in groups or counts[last[key]] > 1 or (last[key] in top_level and "." in bare[key])
        else last[key]
        for key in keys
    }
