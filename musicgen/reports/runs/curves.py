"""Curves of a run: every scalar that was logged, over steps and epochs."""

import csv
import logging
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from musicgen.measure.spec import FIRST

log = logging.getLogger(__name__)

NOT_CURVES = frozenset({"epoch", "step", "hp_metric"})  # what loggers write beside the metrics


@dataclass(frozen=True)
class Curve:
    """One logged metric over a run, sorted by step, each step once."""

    step: Int[np.ndarray, " points"]
    epoch: Float[np.ndarray, " points"]  # NaN where no epoch was logged
    value: Float[np.ndarray, " points"]

    def __len__(self) -> int:
        return len(self.step)


@dataclass(frozen=True)
class _Point:
    step: int
    value: float
    wall_time: float
    epoch: float = float("nan")


def read_curves(folder: str | Path) -> dict[str, Curve]:
    """Read the curves of a run folder, by name.

    Takes TensorBoard's event files, wherever below the folder they lie, and `metrics.csv` where
    there are none. A resumed run logs some steps twice: the later writing counts.

    Args:
        folder: A run folder.

    Returns:
        Curves by their logged name, such as `vq_vae/val/bce`; empty if nothing was logged.
    """
    folder = Path(folder)
    points: dict[str, list[_Point]] = defaultdict(list)
    for path in sorted(folder.rglob("events.out.tfevents.*")):
        for name, found in _read_events(path).items():
            points[name].extend(found)
    if not points:
        for path in sorted(folder.rglob("metrics.csv")):
            for name, found in _read_csv(path).items():
                points[name].extend(found)
    return {name: _curve(points[name]) for name in sorted(points)}


def _read_events(path: Path) -> dict[str, list[_Point]]:
    """Read the scalars of one event file, each with the epoch that was logged beside it."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(
        str(path), size_guidance={"scalars": 0, "images": 1, "audio": 1, "histograms": 1, "tensors": 1}
    )
    events.Reload()
    names = events.Tags()["scalars"]
    logged = [event for name in names if _leaf(name) == "epoch" for event in events.Scalars(name)]
    epochs = _Epochs((event.step, event.wall_time, event.value) for event in logged)
    return {
        name: [
            _Point(e.step, e.value, e.wall_time, epochs.at(e.step, e.wall_time)) for e in events.Scalars(name)
        ]
        for name in names
        if _leaf(name) not in NOT_CURVES and not name.startswith(FIRST)
    }


def _leaf(name: str) -> str:
    return name.rpartition("/")[2]


class _Epochs:
    """Find the epoch of a step; two stages in one file share steps, so the nearest in time is taken."""

    def __init__(self, logged: Iterable[tuple[int, float, float]]) -> None:
        self.by_step: dict[int, list[tuple[float, float]]] = defaultdict(list)
        for step, wall_time, epoch in logged:
            self.by_step[step].append((wall_time, epoch))

    def at(self, step: int, wall_time: float) -> float:
        candidates = self.by_step.get(step)
        if not candidates:
            return float("nan")
        return min(candidates, key=lambda candidate: abs(candidate[0] - wall_time))[1]


def _read_csv(path: Path) -> dict[str, list[_Point]]:
    """Read a CSVLogger's table: one row a step, a column a metric, empty cells where not logged."""
    points: dict[str, list[_Point]] = defaultdict(list)
    with path.open(newline="", encoding="utf-8") as file:
        for number, row in enumerate(csv.DictReader(file)):
            step, epoch = _number(row.get("step")), _number(row.get("epoch"))
            for name, cell in row.items():
                value = _number(cell)
                if name and _leaf(name) not in NOT_CURVES and value is not None:
                    where = number if step is None else int(step)
                    points[name].append(
                        _Point(where, value, float(number), float("nan") if epoch is None else epoch)
                    )
    return points


def _number(cell: str | list[str] | None) -> float | None:
    """Turn a cell into a number; None for an empty cell or a text."""
    try:
        return float(cell) if isinstance(cell, str) else None
    except ValueError:
        return None


def _curve(points: list[_Point]) -> Curve:
    """Sort the points by step and keep the latest writing of each."""
    points = sorted(points, key=lambda point: point.wall_time)
    # Loggers write a run's final metrics once more at step 0, for the table of hyperparameters.
    if len(points) > 1 and points[-1].step == 0 and points[-2].step > 0:
        points = points[:-1]
    latest = {point.step: point for point in points}
    kept = [latest[step] for step in sorted(latest)]
    return Curve(
        step=np.array([point.step for point in kept], dtype=np.int64),
        epoch=np.array([point.epoch for point in kept], dtype=np.float64),
        value=np.array([point.value for point in kept], dtype=np.float64),
    )
