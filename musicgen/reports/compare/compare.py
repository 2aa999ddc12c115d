"""Compare runs: read their folders, put them side by side, write the table, the CSV and the page."""

import logging
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from musicgen.measure.spec import METRICS, MetricSpec, register
from musicgen.reports.compare.aggregate import Choices, aggregate
from musicgen.reports.compare.comparison import Comparison
from musicgen.reports.compare.export import write_csv, write_markdown, write_parquet
from musicgen.reports.compare.pareto import draw_front, front_metrics
from musicgen.reports.runs.runs import Run, load_runs

__all__ = ["Comparison", "compare_runs"]

log = logging.getLogger(__name__)

FORMATS = ("csv", "parquet", "md", "html")
DEFAULT_FORMATS = ("csv", "md", "html")


def compare_runs(
    folders: Iterable[str | Path] | str | Path,
    *,
    output_dir: str | Path,
    front: Sequence[str] = (),
    pieces_per_run: int = 4,
    formats: Sequence[str] = DEFAULT_FORMATS,
    command: str | None = None,
    progress: bool = False,
    **choices: Unpack[Choices],
) -> Comparison:
    """Compare runs and write `comparison.csv`, `comparison.md`, `comparison.html` and, if asked, `.parquet`.

    Print it with `musicgen.reports.compare.terminal.print_comparison`.

    Args:
        folders: Run folders, and folders of run folders (a sweep).
        output_dir: Where to write; made if needed.
        front: Two metrics that pull against each other: `comparison_front.png` shows which runs no
            other run beats at both, and the page opens with them.
        pieces_per_run: At most so many generated pieces of each run on the page.
        formats: What to write, any of `FORMATS`.
        command: The command to show on the page; None writes `musicgen compare` and the folders.
        progress: Show a bar on the terminal.
        choices: Which runs, in which order and groups, and what is tested: see `aggregate`.

    Returns:
        The comparison, with the files written in `files`.

    Raises:
        ValueError: No run was found or is left, a name is neither a metric nor a setting, or a format
            is none of ours.
        ImportError: Parquet was asked for and pyarrow is not installed.
    """
    unknown = sorted(set(formats) - set(FORMATS))
    if unknown:
        raise ValueError(f"formats={list(formats)}: {', '.join(unknown)} is none of {', '.join(FORMATS)}")
    folders = [folders] if isinstance(folders, str | Path) else list(folders)
    comparison = compared(folders, front=front, progress=progress, **choices)
    files = _write_tables(comparison, Path(output_dir), front=front, formats=formats)
    if "html" in formats:
        from musicgen.reports.pages.comparison_page import write_page

        _read_curves(comparison.runs, progress=progress)
        if command is None:
            command = "musicgen compare " + " ".join(shlex.quote(str(folder)) for folder in folders)
        path = Path(output_dir) / "comparison.html"
        shown = {"pieces_per_run": pieces_per_run, "front": front}
        files["html"] = write_page(comparison, path, command=command, **shown)
    return replace(comparison, files=files)


def _write_tables(
    comparison: Comparison, folder: Path, *, front: Sequence[str], formats: Sequence[str]
) -> dict[str, Path]:
    """Write the files of a comparison that are asked for, all but its page; return them by name."""
    folder.mkdir(parents=True, exist_ok=True)
    files: dict[str, Path] = {}
    if front:
        files["front"] = draw_front(comparison, front, folder / "comparison_front.png")
    if "csv" in formats:
        files |= write_csv(comparison, folder)
    if "parquet" in formats:
        files["parquet"] = write_parquet(comparison, folder)
    if "md" in formats:
        files["markdown"] = write_markdown(comparison, folder)
    return files


def compared(
    folders: Sequence[str | Path],
    *,
    front: Sequence[str] = (),
    progress: bool = False,
    **choices: Unpack[Choices],
) -> Comparison:
    """Compare runs as `compare_runs` does, and write nothing.

    Raises:
        ValueError: No run was found or is left, or a name is neither a metric nor a setting.
    """
    runs = load_runs(folders, progress=progress)
    _describe_own_metrics(runs)
    comparison = aggregate(runs, **choices)
    if front:
        front_metrics(comparison, front)
    return comparison


def _describe_own_metrics(runs: Sequence[Run]) -> None:
    """Learn from the runs' configs what metrics of their users mean; no code of theirs is called."""
    told = ("name", "title", "unit", "better", "meaning", "group")
    for entry in (entry for run in runs for entry in (run.config.get("own_metrics") or {}).values()):
        texts = {key: str(entry[key]) for key in told if isinstance(entry, Mapping) and key in entry}
        if {"name", "title"} <= texts.keys() and texts["name"] not in METRICS:
            try:
                register(MetricSpec(**texts))  # pyright: ignore[reportArgumentType]
            except ValueError as error:
                log.warning("own_metrics of a run: %s", error)


def _read_curves(runs: Sequence[Run], *, progress: bool) -> None:
    """Read the event files of all runs, the slow part of a page, where the wait can be shown."""
    from rich.progress import track

    for run in track(runs, description="Reading curves", transient=True, disable=not progress):
        _ = run.curves
