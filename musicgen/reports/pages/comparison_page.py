"""The comparison page: one HTML file that works offline and asks nothing of any host."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from musicgen import __version__
from musicgen.measure.spec import Metric, headline_of
from musicgen.reports.compare.comparison import Comparison, Row
from musicgen.reports.compare.tables import (
    contrasts_table,
    is_wide,
    listed_metrics,
    metrics_table,
    runs_table,
)
from musicgen.reports.compare.verdict import MOST_LETTERS, lead_of, run_warnings
from musicgen.reports.pages.environment import TEMPLATES, page_environment, text_hash, write_page_text
from musicgen.reports.pages.page_data import page_json, pieces_kept
from musicgen.reports.runs.settings import value_text
from musicgen.reports.tables.numbers import decimals_for, format_number
from musicgen.reports.tables.render import to_html, transposed

if TYPE_CHECKING:
    from markupsafe import Markup

SCRIPTS = ("core", "chart", "curves", "effects", "pareto", "parallel", "piano", "pieces", "table", "page")
MOST_COLUMNS = 7  # of settings, before they become lines
MOST_NAMED = 8  # settings that the title lists
WITHOUT_HEADLINE = 6  # metrics shown first where none is a headline metric


@dataclass(frozen=True)
class Block:
    """Tables of the runs of one data set in one view, with what is to be said below them."""

    label: str  # of the data set; empty where there is only one
    tables: "tuple[Markup, ...]"
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class MetricGroup:
    """Metrics that are folded under one heading."""

    title: str
    metrics: tuple[Metric, ...]
    views: dict[str, tuple[Block, ...]]


def write_page(
    comparison: Comparison,
    path: str | Path,
    *,
    command: str = "",
    when: datetime.datetime | None = None,
    pieces_per_run: int = 4,
    front: Sequence[str] = (),
) -> Path:
    """Write a comparison as one self-contained HTML page.

    The page holds metrics, curves, rolls, notes and MIDI files; it draws with SVG and plays with the
    browser's own synthesiser. Its content policy lets it run its own script only and load nothing.

    Args:
        comparison: The comparison.
        path: The file to write.
        command: The command that made it, to be shown.
        when: The time to be shown; None is now.
        pieces_per_run: At most so many generated pieces of each run; fewer where runs are many.
        front: Two metrics that the page opens with where it shows two against each other.

    Returns:
        The file.
    """
    from markupsafe import Markup

    style = (TEMPLATES / "page.css").read_text(encoding="utf-8")
    parts = [(TEMPLATES / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS]
    script = '"use strict";\n(() => {\n' + "\n".join(parts) + "})();\n"
    text = (
        page_environment()
        .get_template("comparison.html.j2")
        .render(
            version=__version__,
            **_texts_and_tables(comparison),
            when=when or datetime.datetime.now().astimezone(),
            command=command,
            pieces_note=_pieces_note(comparison, pieces_per_run),
            # Ours, and JSON without "<": the only texts that are not escaped.
            style=Markup(style),
            script=Markup(script),
            data_json=Markup(page_json(comparison, pieces_per_run=pieces_per_run, front=front)),
            style_hash=text_hash(style),
            script_hash=text_hash(script),
        )
    )
    path = Path(path)
    write_page_text(text, path)
    return path


def _texts_and_tables(comparison: Comparison) -> dict[str, Any]:
    """Collect what the template shows of a comparison itself."""
    numbers = {group.name: group.number for group in comparison.groups}
    leading = _leading(comparison)
    return {
        "title": _title(comparison),
        "lead": lead_of(comparison),
        "data_text": _data_text(comparison),
        "unfinished": [row for row in comparison.unfinished if row.status != "pruned"],
        "num_pruned": sum(row.status == "pruned" for row in comparison.rows),
        "num_runs": len(comparison.runs),
        "shared": [(key, value_text(value)) for key, value in comparison.shared.items()],
        "filter_hint": _filter_hint(comparison),
        "is_grouped": comparison.is_grouped,
        "overview": _views(comparison, leading, with_runs=True),
        "explained": [(metric.title, metric.explanation) for metric in leading],
        "warnings": run_warnings(comparison),
        "folded": _folded(comparison, leading),
        "constant": _constant(comparison),
        "contrasts": to_html(contrasts_table(comparison.contrasts, numbers), kind="contrasts"),
        "num_contrasts": len(comparison.contrasts),
    }


def _leading(comparison: Comparison) -> list[Metric]:
    return headline_of(comparison.metrics) or list(comparison.metrics)[:WITHOUT_HEADLINE]


def _title(comparison: Comparison) -> str:
    count = len(comparison.runs)
    if count == 1:
        run = comparison.runs[0]
        typed = [one for one in run.overrides if len(one) < MOST_LETTERS and not one.startswith("threads=")]
        return f"One run: {' '.join(typed[:MOST_NAMED]) or comparison.names[0]}"
    labels = [setting.label for setting in comparison.settings]
    if not labels:
        return f"{count} runs with the same settings"
    if len(labels) > MOST_NAMED:
        return f"{count} runs that differ by {len(labels)} settings"
    listed = labels[0] if len(labels) == 1 else f"{', '.join(labels[:-1])} and {labels[-1]}"
    return f"{count} runs that differ by {listed}"


def _data_text(comparison: Comparison) -> str:
    shared = comparison.shared
    parts = [value_text(shared["data"])] if isinstance(shared.get("data"), str) else []
    parts += [
        f"{key.replace('_', ' ')} {value_text(shared[f'data.{key}']).strip('[]')}"
        for key in ("composer", "era", "title", "mode", "key", "progression", "form", "max_pieces")
        if shared.get(f"data.{key}") is not None
    ]
    return ", ".join(parts) or ("not recorded" if not shared else "differs, or not recorded")


def _filter_hint(comparison: Comparison) -> str:
    setting = next((setting for setting in comparison.settings if len(setting.shown) > 1), None)
    return f"settings, such as {setting.label}={setting.shown[-1]}" if setting else "settings"


def _pieces_note(comparison: Comparison, pieces_per_run: int) -> str:
    kept = pieces_kept(comparison, pieces_per_run)
    left = sum(max(0, len(run.pieces) - kept) for run in comparison.runs)
    return f"{left} more pieces lie in the run folders." if left else ""


def _views(
    comparison: Comparison, metrics: Sequence[Metric], *, with_runs: bool = False
) -> dict[str, tuple[Block, ...]]:
    """Lay out metrics averaged and single, each data set apart."""
    views = {"groups": comparison.groups} if comparison.is_grouped else {}
    return {
        view: tuple(
            _block(comparison, data_set.label, rows, metrics, view=view, with_runs=with_runs)
            for data_set, rows in comparison.parts(all_rows)
        )
        for view, all_rows in {**views, "runs": comparison.rows}.items()
    }


def _block(
    comparison: Comparison,
    label: str,
    rows: Sequence[Row],
    metrics: Sequence[Metric],
    *,
    view: str,
    with_runs: bool,
) -> Block:
    table = metrics_table(comparison, rows, metrics)
    kind = "metrics wide" if is_wide(rows) else "metrics long"
    tables = [to_html(table, kind=kind, view=view)]
    if with_runs and is_wide(rows) and (len(comparison.runs) > 1 or rows[0].status != "done"):
        runs = runs_table(comparison, rows)
        runs = transposed(runs) if len(runs.columns) > MOST_COLUMNS else runs
        tables.insert(0, to_html(runs, kind="metrics settings", view=view))
    return Block(label, tuple(tables), table.notes)


def _folded(comparison: Comparison, leading: Sequence[Metric]) -> list[MetricGroup]:
    """Fold all metrics that are not shown first, by the groups of the table of metrics."""
    listed = listed_metrics(comparison, comparison.rows)
    rest = [metric for metric in listed if metric not in leading]
    shown = [metric for metric in rest if comparison.varies(metric) or is_wide(comparison.rows)]
    names = list(dict.fromkeys(metric.spec.group for metric in shown))
    groups = [(name, tuple(metric for metric in shown if metric.spec.group == name)) for name in names]
    return [MetricGroup(name, members, _views(comparison, members)) for name, members in groups]


def _constant(comparison: Comparison) -> list[tuple[str, str]]:
    """List the metrics that are the same in all runs, which long tables leave out."""
    if is_wide(comparison.rows):
        return []
    listed = []
    for metric in comparison.metrics:
        values = [row.cells[metric.name].mean for row in comparison.rows if row.cells[metric.name].n]
        if values and not comparison.varies(metric):
            listed.append((metric.title, format_number(values[0], decimals_for(values[:1]))))
    return listed
