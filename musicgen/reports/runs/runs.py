"""Run folders: find them, and read what a run was told, what it reached and what it wrote."""

import json
import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from musicgen.config.tree import checked_yaml
from musicgen.reports.runs.curves import Curve, read_curves

log = logging.getLogger(__name__)

Status = Literal["done", "failed", "pruned", "incomplete"]
MAX_REASON = 400  # characters of an error that are shown
OTHER_VERBS = frozenset(
    {"prepare", "generate", "evaluate", "compare", "search"}
)  # their folders are not runs


@dataclass(frozen=True)
class Run:
    """One run folder, read.

    `config` is the composed configuration with its interpolations left as they were written, so
    that a value which follows another one never counts as a second difference.
    """

    folder: Path
    status: Status
    reason: str  # why it is not done, or whence its metrics are; empty where all is as usual
    config: dict[str, Any] = field(default_factory=dict)
    choices: dict[str, str] = field(default_factory=dict)  # config group -> the yaml that was chosen
    overrides: tuple[str, ...] = ()  # as typed: "epochs=5"
    metrics: dict[str, float] = field(default_factory=dict)  # metrics.json
    pieces: tuple[Path, ...] = ()  # generated/000.mid ...
    record: dict[str, Any] = field(default_factory=dict)  # environment.json: version, commit, pieces

    @cached_property
    def curves(self) -> dict[str, Curve]:
        """Read the run's logged curves by name, once, when first asked."""
        return read_curves(self.folder)


def load_runs(folders: Iterable[str | Path] | str | Path, *, progress: bool = False) -> list[Run]:
    """Read run folders, and all run folders below a folder that is not one itself.

    Runs that failed or have not ended are kept and say why; a folder reached twice counts once.

    Args:
        folders: Run folders, folders of run folders (a sweep, `outputs`), or one of them.
        progress: Show a bar on the terminal.

    Returns:
        The runs, in the order given; those of one sweep in the natural order of their names.

    Raises:
        ValueError: A folder does not exist, or there is no run in it or below it.
    """
    found = find_runs(folders)
    if not progress:
        return [read_run(folder) for folder in found]
    from rich.progress import track

    return [read_run(folder) for folder in track(found, description="Reading runs", transient=True)]


def find_runs(folders: Iterable[str | Path] | str | Path) -> list[Path]:
    """List the run folders that the given folders are or contain.

    Args:
        folders: As for `load_runs`.

    Returns:
        Distinct run folders.

    Raises:
        ValueError: As for `load_runs`.
    """
    folders = [folders] if isinstance(folders, str | Path) else list(folders)
    if not folders:
        raise ValueError("no folder was given; name one or more run folders, or a folder of them")
    found: dict[Path, Path] = {}
    for folder in map(Path, folders):
        if not folder.is_dir():
            raise ValueError(f"{folder} is not a folder; name a run folder or a folder of run folders")
        runs = [folder] if _is_run(folder) else list(_runs_below(folder))
        if not runs:
            raise ValueError(
                f"{folder} is not a run and has none below it: a run folder holds .hydra/config.yaml and"
                f" metrics.json, as `musicgen train` leaves them; there is: {_contents(folder)}"
            )
        for run in runs:
            found.setdefault(run.resolve(), run)
    return list(found.values())


def read_run(folder: str | Path) -> Run:
    """Read one run folder, whole or not.

    Args:
        folder: A run folder.

    Returns:
        The run; what is missing or broken in it is named in its `reason`.
    """
    folder = Path(folder)
    problems: list[str] = []
    record = _read_json(folder / "environment.json")
    config = _mapping(folder / ".hydra" / "config.yaml", problems) or record.get("config") or {}
    hydra = _mapping(folder / ".hydra" / "hydra.yaml", problems).get("hydra") or {}
    choices = (hydra.get("runtime") or {}).get("choices") or {}
    metrics = _read_metrics(folder, problems)
    status, reason = _status(folder, config, metrics, problems)
    if status == "done" and not metrics:
        metrics, reason = _read_status(folder)["metrics"], "not evaluated: metrics of the last epoch"
    return Run(
        folder=folder,
        status=status,
        reason=reason,
        config=config,
        choices={str(group): str(choice) for group, choice in choices.items() if choice is not None},
        overrides=tuple(str(line) for line in _yaml(folder / ".hydra" / "overrides.yaml", problems) or ()),
        metrics=metrics,
        pieces=tuple(sorted((folder / "generated").glob("*.mid"))),
        record=record,
    )


def _is_run(folder: Path) -> bool:
    """Tell a run folder, by what a run leaves even if it fails."""
    if (folder / "metrics.json").is_file():
        return not _is_other_verb(folder) or (folder / "checkpoints").is_dir()
    return (folder / ".hydra" / "config.yaml").is_file() and not _is_other_verb(folder)


def _is_other_verb(folder: Path) -> bool:
    hydra = _mapping(folder / ".hydra" / "hydra.yaml", []).get("hydra") or {}
    job = hydra.get("job") or {}
    return job.get("config_name") in OTHER_VERBS


def _runs_below(folder: Path) -> Iterator[Path]:
    """Walk down to the run folders, in natural order; nothing inside a run is looked at."""
    for child in sorted(folder.iterdir(), key=lambda path: natural(path.name)):
        if child.is_dir() and not child.is_symlink() and not child.name.startswith("."):
            if _is_run(child):
                yield child
            else:
                yield from _runs_below(child)


def natural(text: str) -> list[tuple[int, float, str]]:
    """Give a sorting key that puts `epochs=5` before `epochs=10`.

    Args:
        text: A name or a value.

    Returns:
        Numbers as numbers and texts as texts, comparable with any other such key.
    """
    parts = re.split(r"(\d+(?:\.\d+)?(?:e[+-]?\d+)?)", text.casefold())
    return [(0, float(part), "") if index % 2 else (1, 0.0, part) for index, part in enumerate(parts) if part]


def printable(text: str) -> str:
    """Replace what could steer a terminal: a run's settings and errors may come from anywhere.

    Args:
        text: Any text.

    Returns:
        One line of it, control characters replaced.
    """
    return "".join(
        char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in " ".join(text.split())
    )


def _status(
    folder: Path, config: dict[str, Any], metrics: dict[str, float], problems: list[str]
) -> tuple[Status, str]:
    error = folder / "error.txt"
    if error.is_file():
        lines = [line.strip() for line in error.read_text(encoding="utf-8", errors="replace").splitlines()]
        return "failed", printable(next(filter(None, reversed(lines)), "error.txt is empty"))[:MAX_REASON]
    if problems:
        return "failed", "; ".join(problems)
    pruned = folder / "pruned.txt"  # a search gave it up
    if pruned.is_file():
        return "pruned", printable(pruned.read_text(encoding="utf-8", errors="replace"))[:MAX_REASON]
    if not metrics and not _did_all(folder, config):
        return "incomplete", "no metrics.json: still running, or interrupted"
    return "done", ""


def _did_all(folder: Path, config: dict[str, Any]) -> bool:
    """Tell whether a run that was not asked to evaluate did what it was asked for, as its status says."""
    asked = config.get("stages", ["evaluate"])
    return "evaluate" not in asked and _read_status(folder).get("state") == "done"


def _read_status(folder: Path) -> dict[str, Any]:
    """Read what a run last said of itself; nothing where that cannot be read."""
    found = _read_json(folder / "status.json")
    return {"metrics": found.get("figures", {}), **found}  # the name before version 0.2


def _read_json(path: Path) -> dict[str, Any]:
    """Read a table from a JSON file; an empty one where that cannot be done."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _read_metrics(folder: Path, problems: list[str]) -> dict[str, float]:
    path = folder / "metrics.json"
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        problems.append(f"metrics.json cannot be read: {error}")
        return {}
    if not isinstance(content, dict):
        problems.append("metrics.json is not a table of names and numbers")
        return {}
    metrics = {str(name): float(value) for name, value in content.items() if isinstance(value, int | float)}
    left_out = [str(name) for name, value in content.items() if not isinstance(value, int | float | None)]
    if left_out:
        log.warning("%s: not numbers, left out: %s", path, ", ".join(left_out))
    return metrics


def _mapping(path: Path, problems: list[str]) -> dict[str, Any]:
    content = _yaml(path, problems)
    return content if isinstance(content, dict) else {}


def _yaml(path: Path, problems: list[str]) -> Any:
    """Read a yaml file with libyaml where it is built in: it reads a sweep ten times faster."""
    import yaml

    if not path.is_file():
        return None
    loader_class = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return loader_class(checked_yaml(path.read_text(encoding="utf-8"))).get_single_data()
    except (OSError, ValueError, yaml.YAMLError) as error:
        problems.append(f"{path.parent.name}/{path.name} cannot be read: {' '.join(str(error).split())}")
        return None


def _contents(folder: Path) -> str:
    names = sorted(path.name for path in folder.iterdir())
    return ", ".join(names[:8]) + (", ..." if len(names) > 8 else "") if names else "nothing"
