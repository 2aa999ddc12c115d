"""The command line of a verb, rewritten once into what Hydra's grammar reads."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from omegaconf import OmegaConf

from musicgen.cli.shared.settings.setting import read_setting
from musicgen.cli.shared.settings.starting_point import settings_of_start
from musicgen.cli.shared.settings.usage import UsageError, nearest
from musicgen.config.grammar import quoted
from musicgen.config.tree import config_dir

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
            settings.append(read_setting(argument, verb=verb, is_sweep=is_sweep))
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
