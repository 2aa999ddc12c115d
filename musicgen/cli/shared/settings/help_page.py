"""The help of a verb: what it is for, examples, and its own settings with what each takes."""

import os
import re
import shutil
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

from omegaconf import DictConfig, OmegaConf

from musicgen.cli.shared.settings.check import nodes
from musicgen.cli.shared.settings.command_line import OVER_RUNS
from musicgen.cli.shared.settings.composition import options_of
from musicgen.config.comments import Commented, read_comments
from musicgen.config.grammar import written
from musicgen.config.kinds import ANYTHING
from musicgen.config.schema import TABLES, kind_of
from musicgen.config.tree import config_dir

HIDDEN = ("run_dir", "settings", "typed")  # set by the program itself
SHOWN = re.compile(r"max_epochs\.|folder=|storage=|.*=\$\{oc\.env:")  # though they refer to something
COLUMN = 30  # where the text beside a setting begins
NARROWEST, WIDEST = 60, 110
BOLD, DIM, PLAIN = "\033[1m", "\033[2m", "\033[0m"


def print_help(config: DictConfig, *, verb: str) -> None:
    """Print the help of a verb as wide as the terminal is, in colour only there."""
    width = min(max(shutil.get_terminal_size().columns, NARROWEST), WIDEST)
    in_colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    text = "\n".join(help_lines(config, verb=verb, width=width))
    print(text if in_colour else text.replace(BOLD, "").replace(DIM, "").replace(PLAIN, ""))


def help_lines(config: DictConfig, *, verb: str, width: int = 80) -> Iterator[str]:
    """Write the help of a verb.

    Args:
        config: As the command line composes it: chosen groups are shown as they are chosen.
        verb: Name of the top config.
        width: Columns.
    """
    top = read_comments(config_dir() / f"{verb}.yaml")
    yield from textwrap.wrap(top.purpose, width)
    yield f"\n{BOLD}Examples{PLAIN}"
    for example in top.examples:
        yield from _example(example, width)
    sweeps = "" if verb in OVER_RUNS else "; -m key=a,b runs a job for each value"
    yield f"\n{BOLD}Settings{PLAIN}, typed as key=value{sweeps}"
    groups = _groups(config)
    in_groups = tuple(place for _, place, _ in groups)
    for key, node in _settings(config):
        if not _is_below(key, in_groups):
            yield from _setting(key, node, _said(key, top.settings), verb=verb, width=width)
    for group, place, commented in reversed(groups):  # the data first, an experiment last
        inside = [(key, node) for key, node in _settings(config) if _is_below(key, (place,)) and key != place]
        if "@" in group and not inside:
            continue
        chosen = config.hydra.runtime.choices[group]
        yield f"\n{BOLD}{group}={chosen or 'null'}{PLAIN}"
        names = options_of(group.partition("@")[0])
        yield from _indented(f"one of {', '.join(names)}", width)
        yield from _indented(commented.purpose, width)
        for key, node in inside:
            said = _said(key.removeprefix(f"{place}."), commented.settings) or _said(key, top.settings)
            yield from _setting(key, node, said, verb=verb, width=width)
    yield f"\n`musicgen {verb} --cfg job` shows the whole config, `--cfg hydra` Hydra's."
    if groups:
        yield f"`musicgen {verb} GROUP=NAME --help` shows the settings of another choice."


def _indented(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, initial_indent="  ", subsequent_indent="  ")


def _said(key: str, comments: dict[str, str]) -> str:
    """Find the comment beside a setting, else the one beside the mapping that it is in."""
    return comments.get(key) or comments.get(key.rpartition(".")[0], "")


def _example(line: str, width: int) -> Iterator[str]:
    """Write a command line, one that is too long over several lines as a shell takes them."""
    line, _, beside = line.partition("  ")  # what it does may stand beside it
    if beside:
        yield from _indented(f"# {beside.strip().lstrip('# ')}", width)
    rows = textwrap.wrap(line, width - 8, break_long_words=False, break_on_hyphens=False)
    for row in rows:
        yield ("  " if row is rows[0] else "      ") + row + (" \\" if row is not rows[-1] else "")


def _groups(config: DictConfig) -> list[tuple[str, str, Commented]]:
    """List the groups of a verb: name, dotted place in the config, comments of the chosen file."""
    found = []
    for group, chosen in config.hydra.runtime.choices.items():
        name, _, package = str(group).partition("@")
        if name.startswith("hydra") or name == "output" or not (config_dir() / name).is_dir():
            continue
        path = config_dir() / name / f"{chosen}.yaml"
        commented = read_comments(path) if path.is_file() else Commented()
        place = "" if name in ("experiment", "search") else package or name
        found.append((str(group), place, commented))
    return found


def _settings(config: DictConfig) -> Iterator[tuple[str, Any]]:
    """List the settings that a person sets: no groups, no names of classes, nothing that is hidden."""
    for key, node in nodes(config):
        is_group = isinstance(node, DictConfig) and key not in TABLES and not node._is_none()
        is_set_elsewhere = node._is_interpolation() and not SHOWN.match(f"{key}={node._value()}")
        is_hidden = is_group or is_set_elsewhere or key in HIDDEN
        if not is_hidden and not re.search(r"(^|\.)_|^data\.source", key):
            yield key, node


def _is_below(key: str, places: tuple[str, ...]) -> bool:
    return any(place and (key == place or key.startswith(f"{place}.")) for place in places)


def _setting(key: str, node: Any, said: str, *, verb: str, width: int) -> Iterator[str]:
    """Write one setting: its default, the comment beside it, and what it takes."""
    kind = kind_of(key, _plain(node), verb=verb)
    name = f"{key}={_default(node)}"
    text = said if kind is ANYTHING else f"{said} [{kind.words}]".strip()
    lines = textwrap.wrap(text, width - COLUMN)
    if len(name) + 4 > COLUMN or not lines:
        yield f"  {BOLD}{name}{PLAIN}"
    else:
        yield f"  {BOLD}{name}{PLAIN}{' ' * (COLUMN - 2 - len(name))}{lines.pop(0)}"
    yield from (" " * COLUMN + line for line in lines)


def _default(node: Any) -> str:
    """Write a default as it would be typed; nothing where there is none."""
    value = "" if node._is_missing() else _plain(node)
    return value if isinstance(value, str) else written(value).replace("'", "")


def _plain(node: Any) -> Any:
    value = node._dereference_node() if node._is_interpolation() else node
    return OmegaConf.to_container(value) if OmegaConf.is_config(value) else value._value()
