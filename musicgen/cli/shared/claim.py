"""Output folders, claimed by creating them: nobody writes before it is sure whose a folder is."""

import os
import shutil
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from musicgen.cli.shared.settings.usage import FolderError, UsageError
from musicgen.config.tree import read_run_config

LEAST_FREE_BYTES = 1 << 16
SWEEP_FILE = "multirun.yaml"
RUN_FILES = ("metrics.json", "generated")  # besides checkpoints
MAKES_RUNS = ("train", "import")
RENEWABLE = ("prepare", "evaluate", "compare")  # reports, which the same verb may write again
SHARED = ("search",)  # whose folder several processes work in, today and later
BESIDE = (  # settings that say where and how a run works, not what it is
    *("run_dir", "name", "stages", "ckpt_path", "resume", "retry_failed", "reuse", "threads"),
    *("trainer", "logger", "callbacks", "data.root", "data.cache_dir", "data.num_workers"),
    *("data.source.root", "data.source.cache_dir"),
)
_locked: dict[Path, int] = {}  # folders and their open descriptors, for as long as the process lives


def claim(config: DictConfig, *, verb: str, is_sweep: bool, is_named: bool, goes_on: bool) -> Path:
    """Make the output folder of a verb its own, or refuse before anything is written.

    Args:
        config: The composed config, Hydra's part with it.
        verb: The verb.
        is_sweep: Many jobs below one folder.
        is_named: The user chose the folder; else another name is taken where somebody has this one.
        goes_on: The folder's run or sweep is meant to go on.

    Returns:
        The folder, which is there and empty, or may be written to.

    Raises:
        UsageError: It belongs to something else, or cannot be written.
    """
    setting = "hydra.sweep.dir" if is_sweep else "hydra.run.dir"
    folder = _stated(config, setting)
    setting = "folder" if verb in SHARED else setting
    try:
        if not is_named and verb not in SHARED:
            folder = _fresh(folder)
        elif not goes_on:
            _check(folder, config, verb=verb, is_sweep=is_sweep, setting=setting)
        folder.mkdir(parents=True, exist_ok=True)
        reason = "" if os.access(folder, os.W_OK) else "it is read-only"
        if not reason and shutil.disk_usage(folder).free < LEAST_FREE_BYTES:
            reason = "its disk is full"
    except OSError as error:
        reason = error.strerror or str(error)
    if reason:
        raise FolderError(f"{folder} cannot be written: {reason}; make room or give another {setting}")
    waits = goes_on or config.get("ckpt_path") == "last"  # for the end of whoever is at work there
    if not waits and verb not in SHARED and not _lock(folder):
        raise UsageError(f"{folder}: another process is at work there; give another {setting}")
    return folder


def _stated(config: DictConfig, setting: str) -> Path:
    """Read the folder that a config states.

    Raises:
        UsageError: It is empty, or refers to something that is not there.
    """
    try:
        stated = str(OmegaConf.select(config, setting) or "")
    except OmegaConfBaseException as error:
        raise UsageError(f"{setting}: {str(error).splitlines()[0]}") from error
    if not stated.strip():
        raise UsageError(f"{setting} is empty; name a folder, or leave it out")
    return Path(stated)


def _fresh(folder: Path) -> Path:
    """Create a folder that was not there, under the next free name."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    candidate, number = folder, 1
    while True:
        try:
            candidate.mkdir()
            return candidate
        except FileExistsError:
            number += 1
            candidate = folder.with_name(f"{folder.name}_{number}")


def _check(folder: Path, config: DictConfig, *, verb: str, is_sweep: bool, setting: str) -> None:
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{setting}={folder}: there is a file of this name; give another {setting}")
    if not folder.is_dir():
        return
    other = f"give another {setting}"
    if (folder / SWEEP_FILE).is_file():
        _check_sweep(folder, config, other, verb=verb, is_sweep=is_sweep)
        return
    owner = _owner(folder)
    if _holds_run(folder):
        if is_sweep:
            raise UsageError(f"{folder} holds a run, where no sweep can be kept; {other}")
        if verb != "train" or owner not in ("train", ""):
            raise UsageError(f"{folder} holds a run, to which nothing else is added; {other}")
        if not (folder / ".hydra" / "config.yaml").is_file():
            raise UsageError(f"{folder} holds a run whose settings are not known; {other}")
        _check_same_run(folder, config, other)
    elif not owner and (found := _somebodys(folder, verb=verb)):
        raise UsageError(
            f"{folder} holds what musicgen {verb} did not make ({', '.join(found[:3])}); "
            f"give a new folder, such as {setting}={folder / verb}"
        )
    elif owner not in ("", verb):
        raise UsageError(f"{folder} holds what musicgen {owner} left; {other}")
    elif owner == verb and verb not in (*RENEWABLE, *MAKES_RUNS, *SHARED) and _differing(folder, config):
        raise UsageError(
            f"{folder} holds what an earlier musicgen {verb} left with other settings "
            f"({', '.join(_differing(folder, config)[:3])}); {other}"
        )


def _check_sweep(folder: Path, config: DictConfig, other: str, *, verb: str, is_sweep: bool) -> None:
    """Let a sweep's folder have its comparison, and the same sweep again where that does no harm."""
    owner = _owner(folder, file=SWEEP_FILE)
    if verb in SHARED and owner == verb:
        return
    if not is_sweep:
        if verb != "compare":
            raise UsageError(f"{folder} holds a sweep, to which nothing else is added; {other}")
        return
    if not _same_sweep(folder, config) or owner not in ("", verb):
        raise UsageError(f"{folder} holds another sweep; {other}")
    if verb == "train":
        raise UsageError(
            f"{folder} holds this sweep already; type resume={folder} to go on with it, or {other}"
        )


def _somebodys(folder: Path, *, verb: str) -> list[str]:
    """Name what no verb has made in a folder, but for logs, which are only added to, and hidden files."""
    if verb in SHARED and (folder / ".hydra").is_dir():  # which another worker may just be writing
        return []
    names = sorted(path.name for path in folder.iterdir())
    return [name for name in names if name == ".hydra" or not (name.startswith(".") or name.endswith(".log"))]


def _owner(folder: Path, *, file: str = ".hydra/hydra.yaml") -> str:
    """Name the verb that made a folder; empty where none did."""
    try:
        hydra = read_run_config(folder / file).hydra
        return str(OmegaConf.select(hydra, "job.config_name") or "")
    except (OSError, ValueError, AttributeError):
        return ""


def _holds_run(folder: Path) -> bool:
    has_checkpoints = any((folder / "checkpoints").glob("*.ckpt"))
    made_by_evaluate = _owner(folder) in ("evaluate", "baseline", "classify")
    return has_checkpoints or (not made_by_evaluate and any((folder / name).exists() for name in RUN_FILES))


def _check_same_run(folder: Path, config: DictConfig, other: str) -> None:
    """Let a run go on, or make what it has not made yet, with its own settings alone."""
    changed = _differing(folder, config)
    if changed:
        raise UsageError(
            f"{folder} holds a run with other settings ({', '.join(changed[:3])}); {other}, "
            f"or type resume={folder} to go on with it as it was, or init_from={folder} to start a new run "
            "from its weights"
        )
    goes_on = config.ckpt_path == "last" or config.resume is not None
    stages = config.stages if OmegaConf.is_list(config.stages) else [config.stages]
    there = [stage for stage in stages if (folder / "checkpoints" / f"{stage}-last.ckpt").exists()]
    if there and not goes_on:
        raise UsageError(
            f"{folder} already holds trained stages ({', '.join(there)}); type ckpt_path=last "
            f"(or resume={folder}) to go on with them, or {other}"
        )


def _differing(folder: Path, config: DictConfig) -> list[str]:
    """List the settings, as `key=value`, in which a config differs from that of the folder's run."""
    try:
        before = read_run_config(folder / ".hydra" / "config.yaml")
    except (OSError, ValueError):
        return []
    now = OmegaConf.create({name: value for name, value in _raw(config).items() if name != "hydra"})
    old, new = _flat(_raw(before)), _flat(_raw(now))
    keys = [key for key in {**old, **new} if not _is_beside(key)]
    return [f"{key}={new.get(key, 'nothing')}" for key in keys if old.get(key) != new.get(key)]


def _raw(config: DictConfig) -> dict[str, Any]:
    values = OmegaConf.to_container(config, resolve=False)
    assert isinstance(values, dict)
    return {str(name): value for name, value in values.items()}


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found


def _is_beside(key: str) -> bool:
    return any(key == name or key.startswith(f"{name}.") for name in BESIDE)


def _same_sweep(folder: Path, config: DictConfig) -> bool:
    try:
        before = read_run_config(folder / SWEEP_FILE).hydra.overrides.task
    except (OSError, ValueError, AttributeError):
        return False
    return list(map(str, before)) == list(map(str, config.hydra.overrides.task))


def _lock(folder: Path) -> bool:
    """Keep a folder locked until the process ends; return whether nobody else has it locked."""
    try:
        import fcntl
    except ImportError:  # Windows: creating the folder has to do
        return True
    if folder.resolve() in _locked:
        return True
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    except OSError:  # a file system without locks
        os.close(descriptor)
        return True
    _locked[folder.resolve()] = descriptor
    return True
