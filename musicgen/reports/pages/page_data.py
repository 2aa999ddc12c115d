"""The data inside a comparison page: metrics, curves and pieces as one JSON text."""

import base64
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from musicgen.measure.spec import BASELINES, Metric, all_metrics, headline_of, metric
from musicgen.measure.statistics import student
from musicgen.music.midi import MidiError, SilentMidiError, read_midi
from musicgen.reports.compare.comparison import Comparison
from musicgen.reports.compare.effects import effects
from musicgen.reports.runs.curves import Curve
from musicgen.reports.runs.runs import Run

MAX_POINTS = 500  # of a curve
LEADING = 2  # headline metrics whose curves stand beside the first table: BCE and perplexity
MAX_PIECES = 400  # of a page: every run keeps as many
MAX_PIECE_BYTES = 1 << 20
MAX_PIECE_NOTES = 50_000


def page_json(comparison: Comparison, *, pieces_per_run: int, front: Sequence[str] = ()) -> str:
    """Write all that a comparison page draws and plays as JSON, safe inside a script element.

    Args:
        comparison: The comparison.
        pieces_per_run: At most so many generated pieces of each run; fewer where runs are many.
        front: Two metrics to show against each other; none takes the first two leading ones.

    Returns:
        JSON without "<", so that no name in it can end the element it stands in.
    """
    panels, grids, thinned = _panels(comparison)
    data = {
        "runs": [
            {
                "number": row.number,
                "name": row.name,
                "status": row.status,
                "settings": list(row.settings),
                "values": [_number(row.cells[one.name].mean, 9) for one in comparison.metrics],
            }
            for row in comparison.rows
        ],
        "groups": [
            {"number": row.number, "name": row.name, "members": list(row.members)}
            for row in comparison.groups
        ],
        "grouped": comparison.is_grouped,
        "settings": [
            {"key": one.key, "label": one.label, "shown": list(one.shown), "numeric": one.is_numeric}
            for one in comparison.settings
        ],
        "metrics": _metrics(comparison),
        "effects": [{"setting": one.setting, "blocks": one.blocks} for one in effects(comparison)],
        "pareto": _pareto(comparison, front),
        "panels": panels,
        "grids": grids,
        "thinned": MAX_POINTS if thinned else 0,
        "student": [0, 0] + [round(student(n), 4) for n in range(2, 60)],
        "pieces": _pieces(comparison, pieces_kept(comparison, pieces_per_run)),
    }
    text = json.dumps(data, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def pieces_kept(comparison: Comparison, pieces_per_run: int) -> int:
    """Say how many pieces of each run the page has room for.

    Args:
        comparison: The comparison.
        pieces_per_run: How many are asked.

    Returns:
        The same or fewer, at least one.
    """
    return max(1, min(pieces_per_run, MAX_PIECES // max(1, len(comparison.runs))))


def _metrics(comparison: Comparison) -> list[dict[str, Any]]:
    names = [one.name for one in comparison.metrics]
    return [
        {
            "name": one.name,
            "title": one.title,
            "explanation": one.explanation,
            "better": one.better,
            "arrow": one.arrow,
            "bounds": _bounds(one),
            "target": names.index(one.target) if one.target in names else None,
            "headline": one.spec.headline if one.is_headline else 0,
            "varies": comparison.varies(one),
        }
        for one in comparison.metrics
    ]


def _bounds(one: Metric) -> list[float | int | None]:
    """Write the range that a metric's definition allows; None for no end."""
    return [_number(end, 6) for end in one.spec.bounds]


def _pareto(comparison: Comparison, asked: Sequence[str]) -> list[int]:
    """Choose two metrics to show against each other: those asked, or the leading ones that vary."""
    names = [one.name for one in comparison.metrics]
    able = [one.name for one in comparison.metrics if one.better != "none" and comparison.varies(one)]
    chosen = [
        *(name for name in asked if name in able),
        *(one.name for one in headline_of(comparison.metrics) if one.name in able),
        *able,
    ]
    return [names.index(name) for name in dict.fromkeys(chosen)][:2]


def _panels(comparison: Comparison) -> tuple[list[dict[str, Any]], list[dict[str, Any]], bool]:
    """Arrange curves by metric: training and held-out in one panel; points in common stored once."""
    grids = _Grids()
    thinned = False
    panels: dict[str, dict[str, dict[str, Any]]] = {}
    for index, run in enumerate(comparison.runs):
        for name, curve in run.curves.items():
            thin = _thin(curve)
            thinned |= len(thin) < len(curve)
            series = panels.setdefault(_without_split(name), {}).setdefault(name, {})
            values = [_number(value, 5) for value in thin.value.tolist()]
            series[str(index)] = {"grid": grids.index_of(thin), "values": values}
    written = []
    for title in _reading_order(panels):
        is_baseline = title.startswith("baseline/")  # a dotted line in the charts of the metrics it is beside
        if is_baseline or all(
            len(one["values"]) < 2 for curves in panels[title].values() for one in curves.values()
        ):
            continue
        names = sorted(panels[title], key=lambda name: "/train/" in name)
        first = metric(names[0])
        written.append(
            {
                "name": title,
                "title": first.title,
                "arrow": first.arrow,
                "explanation": first.explanation,
                "bounds": _bounds(first),
                "leading": first.is_headline and first.spec.headline <= LEADING,
                "folded": not any(_split(name) == "val" for name in names),
                "series": [
                    {"name": name, "split": _split(name), "curves": panels[title][name]} for name in names
                ],
                "baselines": _baselines(comparison.runs, names),
            }
        )
    return written, grids.written, thinned


class _Grids:
    """Collect the distinct step and epoch axes: the curves of a run, and of a sweep, share them."""

    def __init__(self) -> None:
        self.written: list[dict[str, Any]] = []
        self.known: dict[tuple[bytes, bytes], int] = {}

    def index_of(self, curve: Curve) -> int:
        key = (curve.step.tobytes(), curve.epoch.tobytes())
        if key not in self.known:
            self.known[key] = len(self.written)
            epochs = None if np.isnan(curve.epoch).all() else [_number(e, 6) for e in curve.epoch.tolist()]
            self.written.append({"step": curve.step.tolist(), "epoch": epochs})
        return self.known[key]


def _thin(curve: Curve) -> Curve:
    """Average neighbours where a curve has more points than a chart has pixels."""
    size = math.ceil(len(curve) / MAX_POINTS)
    if size <= 1:
        return curve
    starts = np.arange(0, len(curve), size)
    counts = np.diff(np.append(starts, len(curve)))
    last = starts + counts - 1
    return Curve(curve.step[last], curve.epoch[last], np.add.reduceat(curve.value, starts) / counts)


def _reading_order(panels: Mapping[str, Iterable[str]]) -> list[str]:
    """Sort the panels: headline metrics first, then in reading order of their held-out curves."""
    title_of = {name: title for title, names in panels.items() for name in names}
    described = all_metrics(title_of)
    return list(dict.fromkeys(title_of[one.name] for one in [*headline_of(described), *described]))


def _split(name: str) -> str:
    parts = name.split("/")
    return "train" if "train" in parts else "val" if "val" in parts else ""


def _without_split(name: str) -> str:
    return "/".join(part for part in name.split("/") if part not in ("train", "val"))


def _baselines(runs: Sequence[Run], names: Sequence[str]) -> list[dict[str, Any]]:
    """Find the trivial baselines of a metric, where they are the same in all runs."""
    leaf = names[0].rpartition("/")[2]
    found: dict[str, set[float]] = {}
    for run in runs:
        for name, value in run.metrics.items():
            if name.startswith("baseline/") and name.endswith(f"/{leaf}") and math.isfinite(value):
                title = BASELINES.get(name.split("/")[1], name.split("/")[1])
                found.setdefault(title, set()).add(value)
    return [{"name": name, "value": values.pop()} for name, values in found.items() if len(values) == 1]


def _pieces(comparison: Comparison, kept: int) -> list[dict[str, Any]]:
    pieces = []
    for index, (run, name) in enumerate(zip(comparison.runs, comparison.names, strict=True)):
        for path in run.pieces[:kept]:
            download = re.sub(r"[^\w=.,+-]+", "_", f"{name}_{path.name}")
            pieces.append(
                {"run": index, "index": len(pieces), "name": path.name, "download": download} | _piece(path)
            )
    return pieces


def _piece(path: Path) -> dict[str, Any]:
    """Pack a piece: its file, and its notes as the page draws and plays them."""
    if path.stat().st_size > MAX_PIECE_BYTES:
        return {"midi": "", "error": f"{path.stat().st_size} bytes are too many for this page"}
    content = path.read_bytes()
    packed = {"midi": base64.b64encode(content).decode("ascii")}
    try:
        notes = read_midi(content)
    except SilentMidiError:
        return packed | {"error": "is silent: it has no notes"}
    except MidiError as error:
        return packed | {"error": f"cannot be read: {error}"}
    if not 0 < len(notes) <= MAX_PIECE_NOTES:
        return packed | {"error": f"has {len(notes)} notes, which is nothing to draw here"}
    onset = np.round(notes.onset_s * 1000).astype("<u4")
    duration = np.round((notes.offset_s - notes.onset_s) * 1000).astype("<u4")
    columns = [onset, duration, notes.pitch.astype("u1"), notes.velocity.astype("u1")]
    return packed | {
        "error": "",
        "notes": base64.b64encode(b"".join(column.tobytes() for column in columns)).decode("ascii"),
        "count": len(notes),
        "seconds": round(notes.duration_s, 2),
        "low": int(notes.pitch.min()),
        "high": int(notes.pitch.max()),
    }


def _number(value: float, digits: int) -> float | int | None:
    """Round to so many significant digits; None for what JSON has no number for."""
    if not math.isfinite(value):
        return None
    rounded = float(f"{value:.{digits}g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 1e15 else rounded
