"""Compare runs: read their folders, put them side by side, write the table, the CSV and the page."""

import logging
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from musicgen.measure.spec import METRICS, Better, MetricSpec, register
from musicgen.reports.compare.aggregate import aggregate
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
    sort: str | None = None,
    where: Mapping[str, Any] | None = None,
    group_by: Sequence[str] | None = None,
    significance: Sequence[str] = (),
    better: Mapping[str, Better] | None = None,
    front: Sequence[str] = (),
    pieces_per_run: int = 4,
    formats: Sequence[str] = DEFAULT_FORMATS,
    command: str | None = None,
    progress: bool = False,
) -> Comparison:
    """Compare runs and write `comparison.csv`, `comparison.md`, `comparison.html` and, if asked, `.parquet`.

    Print it with `musicgen.reports.compare.terminal.print_comparison`.

    Args:
        folders: Run folders, and folders of run folders (a sweep).
        output_dir: Where to write; made if needed.
        sort: A metric (the better first) or a setting; "-" before it turns the order.
        where: Setting to value, or to a list of values: only such runs are compared.
        group_by: Settings; runs that agree in them are averaged. None averages runs that differ by
            their seed only.
        significance: Metrics on which every pair of groups is tested.
        better: Metric to lower, higher, closer or none, where the rules do not know it.
        front: Two metrics that pull against each other: `comparison_front.png` shows which runs no
            other run beats at both, and the page opens with them.
        pieces_per_run: At most so many generated pieces of each run on the page.
        formats: What to write, any of `FORMATS`.
        command: The command to show on the page; None writes `musicgen compare` and the folders.
        progress: Show a bar on the terminal.

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
    comparison = compared(
        folders,
        sort=sort,
        where=where,
        group_by=group_by,
        significance=significance,
        better=better,
        front=front,
        progress=progress,
    )
    output_dir = Path(output_dir)
    output_dir.mkdir(parents=True, exist_ok=True)
    files: dict[str, Path] = {}
    if front:
        files["front"] = draw_front(comparison, front, output_dir / "comparison_front.png")
    if "csv" in formats:
        files |= write_csv(comparison, output_dir)
    if "parquet" in formats:
        files["parquet"] = write_parquet(comparison, output_dir)
    if "md" in formats:
        files["markdown"] = write_markdown(comparison, output_dir)
    if "html" in formats:
        from musicgen.reports.pages.comparison_page import write_page

        _read_curves(comparison.runs, progress=progress)
        if command is None:
            command = "musicgen compare " + " ".join(shlex.quote(str(folder)) for folder in folders)
        path = output_dir / "comparison.html"
        files["html"] = write_page(
            comparison, path, command=command, pieces_per_run=pieces_per_run, front=front
        )
    return replace(comparison, files=files)


def compared(
    folders: Sequence[str | Path],
    *,
    sort: str | None = None,
    where: Mapping[str, Any] | None = None,
    group_by: Sequence[str] | None = None,
    significance: Sequence[str] = (),
    better: Mapping[str, Better] | None = None,
    front: Sequence[str] = (),
    progress: bool = False,
) -> Comparison:
    """Compare runs as `compare_runs` does, and write nothing.

    Raises:
        ValueError: No run was found or is left, or a name is neither a metric nor a setting.
    """
    runs = load_runs(folders, progress=progress)
    _describe_own_metrics(runs)
    comparison = aggregate(
        runs, sort=sort, where=where, group_by=group_by, significance=significance, better=better
    )
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
