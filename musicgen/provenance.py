"""Where a result comes from: the code, the packages and the machine."""

import importlib.metadata
import json
import platform
import subprocess
from pathlib import Path
from typing import Any

from musicgen import __version__
from musicgen.files.atomic import write_durably

RECORD_FILE = "environment.json"


def write_record(folder: str | Path, **facts: Any) -> Path:
    """Write `environment.json`: what a run was made of, so that it can be made again.

    Args:
        folder: The run folder.
        facts: Plain values that belong to this run: its seed, its data, its config with all values resolved.

    Returns:
        The file.

    Raises:
        OSError: It cannot be written.
    """
    path = Path(folder) / RECORD_FILE
    record = {
        "version": __version__,
        "git_commit": git_commit(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": platform.machine(),
        **facts,
        "packages": package_versions(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_durably(path, json.dumps(record, indent=2, ensure_ascii=False) + "\n")
    return path


def package_versions() -> dict[str, str]:
    """Give the version of every installed package by its name, in alphabetical order."""
    found = {
        distribution.metadata["Name"]: distribution.version
        for distribution in importlib.metadata.distributions()
    }
    return dict(sorted((name, version) for name, version in found.items() if name))


def git_commit() -> str | None:
    """Give the commit of the checkout that runs, with `+` when it is changed; None in a wheel."""
    folder = Path(__file__).resolve().parent.parent
    if not (folder / ".git").exists():
        return None

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=True
        ).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain") else "")
    except (OSError, subprocess.SubprocessError):
        return None
