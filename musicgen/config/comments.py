"""Read the comments of the config tree as help texts."""

import re
from dataclasses import dataclass, field
from pathlib import Path

_SETTING = re.compile(r"^(?P<indent> *)(?P<key>[\w./]+): *(?P<value>.*?)(?: *(?<= )# *(?P<comment>.*))?$")
_NOT_SETTINGS = ("defaults", "hydra")


@dataclass(frozen=True)
class Commented:
    """The comments of one yaml file.

    Attributes:
        purpose: The text of its header.
        examples: The command lines of its header.
        settings: Dotted key to its comment.
    """

    purpose: str = ""
    examples: tuple[str, ...] = ()
    settings: dict[str, str] = field(default_factory=dict)


def read_comments(path: Path) -> Commented:
    """Read the comments of a yaml file, and of settings in the files that it includes.

    Indented lines of the header are command lines.

    Args:
        path: A file of the config tree.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    head = next((number for number, line in enumerate(lines) if not line.startswith("#")), len(lines))
    header = [line[1:] for line in lines[:head] if "@package" not in line]
    settings: dict[str, str] = {}
    for name in _included(lines[head:]):
        settings |= read_comments(path.with_name(f"{name}.yaml")).settings
    return Commented(
        purpose=" ".join(line.strip() for line in header if not line.startswith("   ")),
        examples=tuple(line.strip() for line in header if line.startswith("   ")),
        settings=settings | _beside(lines[head:]),
    )


def _included(lines: list[str]) -> list[str]:
    """List the files of the same group that a short defaults list names: `defaults: [base]`."""
    for line in lines:
        found = re.match(r"defaults: *\[(.*)\]", line)
        if found:
            return [name for name in re.split(r"[,\s]+", found[1]) if name and name != "_self_"]
    return []


def _beside(lines: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    parents: list[tuple[int, str]] = []
    for line in lines:
        match = _SETTING.match(line)
        if match is None:
            continue
        depth = len(match["indent"])
        parents = [(indent, key) for indent, key in parents if indent < depth]
        keys = [*(key for _, key in parents), match["key"]]
        parents.append((depth, match["key"]))
        if keys[0] not in _NOT_SETTINGS and match["comment"]:
            found[".".join(keys)] = match["comment"]
    return found
