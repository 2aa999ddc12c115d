"""Reference pages of the documentation: settings from the comments in conf/, metrics from their table.

`python scripts/docs_reference.py settings` (or metrics) prints a page; `mkdocs build` calls `on_files`.
"""

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

CONF = Path(__file__).resolve().parents[1] / "conf"
SETTING = re.compile(r"^(?P<indent> *)(?P<key>[\w@/.]+): *(?P<value>[^#]*?) *(?:# *(?P<comment>.*))?$")
SKIPPED = ("defaults", "hydra")
OF_A_STAGE = ("optimizer", "scheduler")  # musicgen train has one for each stage


def settings_page() -> str:
    """List every verb and every config group with its settings, as the comments in the yaml files say."""
    lines = [
        "# Settings",
        "",
        "Written from the comments in `conf/`. Any setting can be given on the command line as `key=value`.",
        "STAGE stands for `vq_vae` or `transformer`.",
    ]
    verbs = sorted(path for path in CONF.glob("*.yaml"))
    for path in verbs:
        lines += ["", f"## musicgen {path.stem}", *_described(path, prefix="")]
    for folder in sorted(path for path in CONF.iterdir() if path.is_dir() and path.name != "output"):
        lines += ["", f"## {folder.name}"]
        place = f"{folder.name}.STAGE" if folder.name in OF_A_STAGE else folder.name
        for path in sorted(folder.glob("*.yaml")):
            package = "" if "@package _global_" in path.read_text(encoding="utf-8") else f"{place}."
            lines += ["", f"### {folder.name}={path.stem}", *_described(path, prefix=package)]
    return "\n".join(lines) + "\n"


def metrics_page() -> str:
    """List every metric with unit, range, direction and meaning, from the table that reports read."""
    from musicgen.measure.spec import ARROWS, METRICS

    lines = [
        "# Metrics",
        "",
        "A name stands for the end of the names in `metrics.json`: `bce` for `vq_vae/val/bce` and",
        "`vq_vae/train/bce`. A name that ends with a slash stands for a family. ↓ lower is better, ↑ higher,",
        "→ closer to held-out real music.",
    ]
    for group in dict.fromkeys(spec.group for spec in METRICS.values()):
        lines += ["", f"## {group}", "", "| metric | title | unit, range | better | meaning |"]
        lines.append("|---|---|---|---|---|")
        for spec in (one for one in METRICS.values() if one.group == group):
            cells = [f"`{spec.name}`", spec.title, spec.range_text, ARROWS[spec.better], spec.meaning]  # pyright: ignore[reportArgumentType]
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


PAGES: dict[str, Callable[[], str]] = {"settings": settings_page, "metrics": metrics_page}


def on_files(files: Any, config: Any) -> Any:
    """Add both pages to the site (a hook of MkDocs)."""
    from mkdocs.structure.files import File

    for name, page in PAGES.items():
        files.append(File.generated(config, f"reference/{name}.md", content=page()))
    return files


def _described(path: Path, *, prefix: str) -> Iterator[str]:
    """Write a yaml file: its header as a paragraph, commands as code, its settings as a table."""
    text = path.read_text(encoding="utf-8").splitlines()
    header = [line[1:] for line in text[: _header_length(text)] if "@package" not in line]
    said = [line.strip() for line in header if not line.startswith("   ")]
    examples = [line.strip() for line in header if line.startswith("   ")]
    if said:
        yield from ("", " ".join(said))
    if examples:
        yield from ("", "```text", *examples, "```")
    rows = list(_rows(text, prefix))
    if rows:
        yield from ("", "| setting | default | meaning |", "|---|---|---|", *rows)


def _header_length(text: list[str]) -> int:
    return next((number for number, line in enumerate(text) if not line.startswith("#")), len(text))


def _rows(text: list[str], prefix: str) -> Iterator[str]:
    """One row for each setting; those inside a mapping get its name in front."""
    path: list[tuple[int, str]] = []
    for line in text:
        match = SETTING.match(line)
        if match is None:
            continue
        indent = len(match["indent"])
        path = [(depth, key) for depth, key in path if depth < indent]
        keys = [key for _, key in path] + [match["key"]]
        if keys[0] in SKIPPED or match["key"].startswith("_"):
            continue
        if match["value"]:
            value, comment = (cell.replace("|", "\\|") for cell in (match["value"], match["comment"] or ""))
            yield f"| `{prefix}{'.'.join(keys)}` | `{value}` | {comment} |"
        else:
            path.append((indent, match["key"]))


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in PAGES:
        sys.exit(f"use python scripts/docs_reference.py {' or '.join(PAGES)}")
    print(PAGES[sys.argv[1]]())
