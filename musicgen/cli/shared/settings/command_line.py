"""The command line of a verb, rewritten once into what Hydra's grammar reads."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from musicgen.cli.shared.settings.starting_point import settings_of_start
from musicgen.cli.shared.settings.usage import UsageError, nearest
from musicgen.config.grammar import plain_value, quoted, readable, written
from musicgen.config.kinds import Kind
from musicgen.config.schema import PER_STAGE, TABLES, stated_kind
from musicgen.config.tree import config_dir
from musicgen.files.run_folders import find_run

ACTIONS = ("list", "show", "prune")  # of `runs`, as a first plain word
OVER_RUNS = ("compare", "watch", "runs", "tensorboard")  # verbs whose plain words are folders
OF_A_RUN = ("generate", "evaluate", "baseline", "classify", "studio", "export")  # verbs with a setting `run`
SWEEP = ("-m", "--multirun")
HYDRAS_OWN = (
    *("--help", "-h", "--hydra-help", "--version", "--cfg", "-c", "--resolve", "--package", "-p"),
    *("--info", "-i", "--shell-completion", "-sc"),
)
SHOWN = ("job", "hydra", "all")  # parts of the settings
KNOWN = ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")  # to Hydra about itself
WITH_VALUE = {  # options that take the next word, and what it may be; nothing for a name
    **{"--cfg": SHOWN, "-c": SHOWN, "--info": KNOWN, "-i": KNOWN, "--package": (), "-p": ()},
}
CONFIG_DIR = ("--config-dir", "-cd")
_NUMBER = re.compile(r"[+-]?[\d_]*\.?[\d_]+\.?(e[+-]?\d+)?", re.IGNORECASE)
OUTPUT_FOLDERS = ("hydra.run.dir", "hydra.sweep.dir")  # of one run or sweep, so never several values


@dataclass(frozen=True)
class CommandLine:
    """What a person typed after the verb, as Hydra reads it.

    Attributes:
        verb: Name of the top config.
        overrides: Each `key=value`, in Hydra's grammar.
        options: What Hydra is to show instead of running: `--cfg job`, `--info`, `--shell-completion`.
        is_sweep: `-m` was typed.
    """

    verb: str
    overrides: tuple[str, ...]
    options: tuple[str, ...] = ()
    is_sweep: bool = False


def read_command_line(arguments: Sequence[str], *, verb: str) -> CommandLine:
    """Read all that was typed after a verb, in one pass.

    Args:
        arguments: As the shell passes them.
        verb: The verb, which is the name of its top config.

    Raises:
        UsageError: Something can mean nothing; the message says what to type.
    """
    arguments = _of_resumed_run(arguments) if verb == "train" else list(arguments)
    options: list[str] = []
    words: list[str] = []
    settings: list[str] = []
    is_sweep = any(one in SWEEP for one in arguments)
    rest = iter(arguments)
    for argument in rest:
        if argument in SWEEP:
            continue
        if argument in CONFIG_DIR or argument.startswith("--config-dir="):
            settings.append(_search_path(argument.partition("=")[2] or next(rest, "")))
        elif argument.split("=")[0] in HYDRAS_OWN:
            options += _option(argument, rest)
        elif argument.startswith("-"):
            raise UsageError(_about_option(argument, verb))
        elif _is_word(argument):
            words.append(argument)
        else:
            settings.append(_setting(argument, verb=verb, is_sweep=is_sweep))
    if "--resolve" in options and not {"--cfg", "-c", "--help", "-h"} & set(options):
        raise UsageError("--resolve is for settings that are shown: type --cfg job --resolve")
    settings += _from_words(words, verb=verb)
    if verb == "train":
        settings = [*settings_of_start(settings), *settings]
    if verb == "search":
        settings = _sorted_for_search(settings)
    return CommandLine(verb, tuple(settings), tuple(options), is_sweep=is_sweep)


def _option(argument: str, rest: Iterator[str]) -> list[str]:
    """Read an option of Hydra's, and the word behind it where it takes one."""
    name, equals, value = argument.partition("=")
    if name not in WITH_VALUE:
        return [argument]
    value = value if equals else next(rest, "")
    if name in ("--info", "-i"):
        value = value or "all"
    options = WITH_VALUE[name]
    if value not in options if options else not value:
        allowed = " or ".join(f"{name} {option}" for option in options) or f"{name} data, or another group"
        raise UsageError(f"{f'{name} {value}'.strip()}: type {allowed}")
    return [name, value]


def _of_resumed_run(arguments: Sequence[str]) -> list[str]:
    from musicgen.sweeps.resume import resume_command

    try:
        return resume_command([os.path.expanduser(one) if one.startswith("~/") else one for one in arguments])
    except ValueError as error:
        raise UsageError(str(error)) from error


def _is_word(argument: str) -> bool:
    is_deletion = argument.startswith("~") and not argument.startswith("~/")
    return not is_deletion and ("=" not in argument or os.path.isdir(argument))


def _about_option(argument: str, verb: str) -> str:
    name, _, value = argument.lstrip("-").partition("=")
    guess = nearest(argument.split("=")[0], [*SWEEP, *HYDRAS_OWN])
    if guess and argument.startswith("--") and not value:
        return f"{argument}: musicgen {verb} has no such option; did you mean {guess[0]}?"
    return (
        f"{argument}: musicgen {verb} has no such option; settings are typed without dashes, "
        f"{name.replace('-', '_') or 'key'}={value or 'VALUE'}"
    )


def _from_words(words: Sequence[str], *, verb: str) -> list[str]:
    """Turn plain words into settings: folders of runs, the action of `runs`."""
    if not words:
        return []
    if verb not in OVER_RUNS:
        word = words[0]
        if verb in OF_A_RUN:
            raise UsageError(f"{verb} {word}: name the run by its key, musicgen {verb} run={word}")
        is_run = verb == "train" and os.path.isdir(word)
        hint = f"to go on with a run, resume={word}" if is_run else f"musicgen {verb} --help lists all"
        raise UsageError(f"{verb} {word}: settings are typed as key=value; {hint}")
    action = [f"action={words[0]}"] if verb == "runs" and words[0] in ACTIONS else []
    folders = [os.path.expanduser(word) for word in words[len(action) :]]
    if verb == "runs" and not action and not os.path.exists(folders[0]):
        guess = nearest(words[0], ACTIONS) or ["list"]
        raise UsageError(
            f"runs {words[0]}: neither a folder nor one of {', '.join(ACTIONS)}; "
            f"did you mean musicgen runs {guess[0]} outputs?"
        )
    return action + ([f"runs=[{','.join(map(quoted, folders))}]"] if folders else [])


def _setting(argument: str, *, verb: str, is_sweep: bool) -> str:
    """Rewrite one `key=value` so that it means what its setting takes."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

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
    try:
        override = OverridesParser.create().parse_override(rewritten)
    except HydraException as error:
        raise UsageError(
            f"{argument}: this cannot be read; type key=value, the key a dotted name like vq_vae.num_hiddens"
        ) from error
    if "=" not in argument:
        return rewritten
    if override.is_sweep_override() and _is_one_path(name, value, kind, is_sweep=is_sweep):
        return _setting(f"{key}={quoted(value)}", verb=verb, is_sweep=is_sweep)
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


def _is_search_path(value: Any) -> bool:
    """Whether Hydra finds settings in each of these places: a list, each `file://DIR` or `pkg://PACKAGE`."""
    places = value if isinstance(value, list) else [None]
    folders = [str(place).removeprefix("file://") for place in places if not str(place).startswith("pkg://")]
    return all(map(os.path.isdir, folders))


def _search_path(folder: str) -> str:
    if not os.path.isdir(os.path.expanduser(folder)):
        raise UsageError(f"--config-dir={folder}: there is no such folder of configs")
    return f"hydra.searchpath=[{quoted(f'file://{Path(folder).expanduser().resolve()}')}]"


def _sorted_for_search(settings: Sequence[str]) -> list[str]:
    """Hand the settings of the runs on in `knobs` (those with several values) and `typed` (the others)."""
    from musicgen.search.space import is_sweep

    own = {"hydra", "search", *map(str, OmegaConf.load(config_dir() / "search.yaml"))}
    kept: list[str] = []
    swept: dict[str, str] = {}
    fixed: dict[str, str] = {}  # what is typed last counts
    for setting in settings:
        key, _, value = setting.partition("=")
        if key.lstrip("+~").split(".")[0].split("/")[0].split("@")[0] in own:
            kept.append(setting)
            continue
        several = is_sweep(setting)
        (fixed if several else swept).pop(key, None)
        (swept if several else fixed)[key] = f"{key}:{quoted(value)}" if several else quoted(setting)
    kept += [f"++knobs={{{','.join(swept.values())}}}"] if swept else []
    kept += [f"typed=[{','.join(fixed.values())}]"] if fixed else []
    return kept
