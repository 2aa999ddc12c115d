"""The comparison page: one HTML file that works offline and asks nothing of any host."""

import base64
import datetime
import hashlib
import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from musicgen import __version__
from musicgen.measure.spec import Metric, headline_of
from musicgen.reports.compare.aggregate import Comparison, Row
from musicgen.reports.compare.tables import (
    CONTRAST_HEADS,
    cell_texts,
    contrast_cells,
    is_wide,
    listed_metrics,
    real_texts,
)
from musicgen.reports.pages.page_data import page_json, pieces_kept, varies
from musicgen.reports.runs.settings import MISSING, value_text
from musicgen.reports.tables.numbers import decimals_for, format_number

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

TEMPLATES = Path(__file__).parent / "templates"
SCRIPTS = ("core", "chart", "curves", "effects", "pareto", "parallel", "piano", "pieces", "table", "page")
MOST_NAMED = 8  # settings that the title lists
LEADING_COLUMNS = 8  # of a long table, before "all metrics"


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
    tables = _tables(comparison)
    text = (
        page_environment()
        .get_template("comparison.html.j2")
        .render(
            version=__version__,
            title=_title(comparison),
            leader=_leader(comparison),
            settings=comparison.settings,
            data_text=_data_text(comparison),
            when=when or datetime.datetime.now().astimezone(),
            command=command,
            unfinished=[row for row in comparison.unfinished if row.status != "pruned"],
            num_pruned=sum(row.status == "pruned" for row in comparison.rows),
            num_runs=len(comparison.runs),
            num_metrics=len(comparison.metrics),
            shared=[(key, value_text(value)) for key, value in comparison.shared.items()],
            filter_hint=_filter_hint(comparison),
            is_grouped=comparison.is_grouped,
            tables=tables,
            constant=[] if all(table["wide"] for table in tables) else _constant(comparison),
            contrasts=[contrast_cells(contrast) for contrast in comparison.contrasts],
            contrast_heads=CONTRAST_HEADS,
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
    path.write_text(text, encoding="utf-8")
    return path


def page_environment() -> "Environment":
    """Give what renders the templates of pages: everything is escaped, nothing may be missing."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters["breakable"] = _breakable
    environment.filters["run_name"] = _run_name
    return environment


def text_hash(text: str) -> str:
    """Give the SHA-256 of a text as a content policy names it."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


def _breakable(text: str) -> "Markup":
    """Let a browser break a long dotted name after its separators."""
    from markupsafe import Markup, escape

    escaped = str(escape(text))
    for separator in "/_=.,":
        escaped = escaped.replace(separator, f"{separator}<wbr>")
    return Markup(escaped)


def _run_name(text: str) -> "Markup":
    """Let a browser break a run's name between its settings only."""
    from markupsafe import Markup

    return Markup(" ").join(
        Markup('<span class="part">{}</span>').format(_breakable(part)) for part in text.split()
    )


def _title(comparison: Comparison) -> str:
    count = len(comparison.runs)
    if count == 1:
        return f"One run: {comparison.names[0]}"
    labels = [setting.label for setting in comparison.settings]
    if not labels:
        return f"{count} runs with the same settings"
    if len(labels) > MOST_NAMED:
        return f"{count} runs that differ by {len(labels)} settings"
    listed = labels[0] if len(labels) == 1 else f"{', '.join(labels[:-1])} and {labels[-1]}"
    return f"{count} runs that differ by {listed}"


def _leader(comparison: Comparison) -> str:
    """Say which run is ahead at the first leading metric that has a best."""
    rows = _rows(comparison)
    for metric in headline_of(comparison.metrics):
        name, best = metric.name, comparison.best(metric, rows)
        if best:
            texts = cell_texts(metric, rows, best)
            first = min(best)
            parts = rows[first].name.split(" ")
            told = " ".join(part for part in parts if not part.endswith(f"={MISSING}")) or parts[0]
            return f"Best at {name}: {told} with {texts[first]}."
    return ""


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
    return (
        f"words of a run's name, such as {setting.label}={setting.shown[-1]}"
        if setting
        else "words of a run's name"
    )


def _pieces_note(comparison: Comparison, pieces_per_run: int) -> str:
    kept = pieces_kept(comparison, pieces_per_run)
    left = sum(max(0, len(run.pieces) - kept) for run in comparison.runs)
    return f"{left} more pieces lie in the run folders." if left else ""


def _rows(comparison: Comparison) -> Sequence[Row]:
    return comparison.groups if comparison.is_grouped else comparison.rows


def _tables(comparison: Comparison) -> list[dict[str, Any]]:
    """Lay out the final metrics: averaged and single, runs as columns where they are few."""
    views = [("groups", comparison.groups)] if comparison.is_grouped else []
    return [_table(comparison, view, rows) for view, rows in [*views, ("runs", comparison.rows)]]


def _table(comparison: Comparison, view: str, rows: Sequence[Row]) -> dict[str, Any]:
    wide = is_wide(rows)
    real = real_texts(comparison, rows) if wide else {}
    listed = (
        listed_metrics(comparison, rows) if wide else [f for f in comparison.metrics if varies(comparison, f)]
    )
    metrics = [(comparison.metrics.index(one), one) for one in listed]
    leading = {one.name for _, one in metrics if one.is_headline}
    leading = leading or {one.name for _, one in metrics[:LEADING_COLUMNS]}
    columns = [_column(comparison, index, one, rows, extra=one.name not in leading) for index, one in metrics]
    grouped = itertools.groupby(columns, key=lambda column: (column["group"], column["extra"]))
    groups = [{"name": name, "extra": extra, "metrics": list(members)} for (name, extra), members in grouped]
    heads = _heads(comparison, view, rows)
    place = itertools.count(len(heads["labels"]))
    for column in (column for group in groups for column in group["metrics"]):
        column["column"] = next(place)
    written = []
    for index, row in enumerate(rows):
        cells = []
        for group in groups:
            for place_in_group, column in enumerate(group["metrics"]):
                cells.append(column["cells"][index] | {"first": place_in_group == 0, "extra": group["extra"]})
        counted = f"n={len(row.members)}" if len(row.members) > 1 else ""
        done = row.status if len(row.members) == 1 else "done"
        note = ", ".join(filter(None, [counted, row.reason])) if counted else ""
        written.append(
            {"name": row.name, "status": done, "reason": row.reason, "note": note}
            | {"heads": heads["cells"][index], "cells": cells}
        )
    has_more = not wide and any(column["extra"] for column in columns)
    return {
        "view": view,
        "wide": wide,
        "heads": heads["labels"],
        "real": {comparison.metrics.index(one): real.get(one.name, "") for one in listed} if real else {},
        "groups": groups,
        "rows": written,
        "has_more": has_more,
    }


def _heads(comparison: Comparison, view: str, rows: Sequence[Row]) -> dict[str, Any]:
    """Head the rows of a long table by their settings, a column each, or by their names."""
    labels = (
        list(comparison.group_settings)
        if view == "groups"
        else [setting.label for setting in comparison.settings]
    )
    cells = [list(row.settings) for row in rows]
    if not labels or len({row.settings for row in rows}) < len(rows):
        labels, cells = [view.rstrip("s")], [[row.name] for row in rows]
    if view == "groups":
        labels = [*labels, "n"]
        cells = [[*cell, _counted(row)] for cell, row in zip(cells, rows, strict=True)]
    return {"labels": labels, "cells": cells}


def _counted(row: Row) -> str:
    """Count the runs of a group, and those that are not done."""
    return (
        f"{len(row.members)}, {row.reason}" if row.reason and len(row.members) > 1 else str(len(row.members))
    )


def _column(
    comparison: Comparison, index: int, metric: Metric, rows: Sequence[Row], *, extra: bool
) -> dict[str, Any]:
    best = comparison.best(metric, rows)
    texts = cell_texts(metric, rows, best)
    values = [row.cells[metric.name].mean for row in rows]
    is_baseline = metric.name.startswith("baseline/")
    return {
        "index": index,
        "name": metric.name,
        "leaf": metric.name.removeprefix("baseline/") if is_baseline else metric.leaf,
        "group": "baseline" if is_baseline else metric.group,
        "arrow": metric.arrow,
        "extra": extra,
        "cells": [
            {"text": text, "value": "" if math.isnan(value) else repr(value), "best": place in best}
            for place, (text, value) in enumerate(zip(texts, values, strict=True))
        ],
    }


def _constant(comparison: Comparison) -> list[tuple[str, str]]:
    """List the metrics that are the same in all runs, which a long table leaves out."""
    listed = []
    for one in comparison.metrics:
        values = [row.cells[one.name].mean for row in comparison.rows]
        known = next((value for value in values if not math.isnan(value)), math.nan)
        if not varies(comparison, one) and not math.isnan(known):
            listed.append((one.name, format_number(known, decimals_for([known]))))
    return listed
