"""What differs between runs, and names made of it."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from musicgen.reports.runs.runs import Run, natural, printable
from musicgen.reports.runs.settings import MISSING, SEED, choices_of, settings_of, value_text

MAX_NAME = 96  # characters
MAX_VALUE = 28


@dataclass(frozen=True)
class Setting:
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


def differing_settings(runs: Sequence[Run]) -> tuple[Setting, ...]:
    """Find the settings that are not the same in all runs.

    What follows from the choice of a config group (`quantizer=gradient` has no decay) is left out,
    unless it was set by hand. A run without a configuration is not asked.

    Args:
        runs: The runs to compare.

    Returns:
        The differing settings in the order of the configuration, `seed` last.
    """
    table = [settings_of(run) for run in runs]
    asked = [row for row in table if row]
    overridden = {_override_key(line) for run in runs for line in run.overrides}
    groups = [
        group for group in dict.fromkeys(g for run in runs for g in choices_of(run)) if _differs(group, asked)
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
    return tuple(Setting(key, labels[key], tuple(row.get(key, MISSING) for row in table)) for key in keys)


def shared_settings(runs: Sequence[Run]) -> dict[str, Any]:
    """Collect the settings that all runs have in common.

    Args:
        runs: The runs to compare.

    Returns:
        Dotted name to the common value.
    """
    table = [row for row in map(settings_of, runs) if row]
    return {key: value for key, value in (table[0] if table else {}).items() if not _differs(key, table)}


def run_names(runs: Sequence[Run], settings: Sequence[Setting]) -> tuple[str, ...]:
    """Name each run by what sets it apart: `epochs=5 seed=0`.

    Args:
        runs: The runs to compare.
        settings: Their differing settings.

    Returns:
        One distinct name a run; runs that nothing sets apart are told by their folders.
    """
    names = [
        _join(f"{setting.label}={setting.texts[index]}" for setting in settings) for index in range(len(runs))
    ]
    counts = Counter(names)
    tails = folder_tails([run.folder for run in runs])
    told = [
        name if name and counts[name] == 1 else f"{name} ({tail})" if name else tail
        for name, tail in zip(names, tails, strict=True)
    ]
    seen: Counter[str] = Counter()
    for index, name in enumerate(told):
        seen[name] += 1
        if seen[name] > 1:
            told[index] = f"{name} #{seen[name]}"
    return tuple(told)


def _join(parts: Iterable[str]) -> str:
    name = " ".join(parts)
    return name if len(name) <= MAX_NAME else name[: MAX_NAME - 1] + "…"


def folder_tails(folders: Sequence[Path]) -> list[str]:
    """Shorten folders to their last parts, as many as tell them apart."""
    parts = [folder.resolve().parts for folder in folders]
    for depth in range(1, max((len(part) for part in parts), default=1) + 1):
        tails = [printable("/".join(part[-depth:])) for part in parts]
        if len(set(tails)) == len(tails):
            return tails
    return ["/".join(part[-1:]) for part in parts]


def _shortened(text: str) -> str:
    """Leave out the middle of a long text: paths and lists differ at their ends."""
    return text if len(text) <= MAX_VALUE else f"{text[: MAX_VALUE // 2]}…{text[1 - MAX_VALUE // 2 :]}"


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
