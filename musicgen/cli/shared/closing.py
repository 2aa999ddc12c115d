"""What a training says before its first update and after its last."""

import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

if TYPE_CHECKING:
    from musicgen.training.threads import ThreadPolicy

log = logging.getLogger(__name__)
PAGE_FILE = "index.html"
_FEW_UPDATES = 200  # are over before their time could be told


def announce_time(config: DictConfig, hydra: Any, *, threads: "ThreadPolicy") -> None:
    """Log how long the whole run will take, from a few timed steps of each stage.

    Nothing is said of a training that is short, or where `hydra.callbacks.start.budget_s=0` wants no times.

    Args:
        config: Of the run, its pieces prepared.
        hydra: The Hydra part of the config.
        threads: How a stage chooses its threads.
    """
    from musicgen.sweeps.plan.plan import time_text
    from musicgen.sweeps.plan.timing import Timed
    from musicgen.sweeps.plan.works import beside_training, to_train

    budget_s = float(OmegaConf.select(hydra, "callbacks.start.budget_s", default=0.0) or 0.0)
    works = to_train([config])
    if budget_s <= 0 or sum(work.steps or 0 for work in works) < _FEW_UPDATES:
        return
    timed = Timed(threads=threads.choose().number, budget_s=budget_s)
    log.info("%s", time_text([*works, *beside_training([config])], timed, share=1.0))


def write_run_page(folder: Path) -> tuple[Path, list[str]]:
    """Write `index.html` into a run folder: metrics, curves, rolls and sound of the run.

    Args:
        folder: The run folder, its run finished.

    Returns:
        The page, and what is to be said of the run: how it stands to the trivial predictions, and whether
        pieces are silent or copied.
    """
    from musicgen.measure.spec import headline_of
    from musicgen.reports.compare.aggregate import aggregate
    from musicgen.reports.compare.tables import metrics_table
    from musicgen.reports.compare.verdict import run_warnings
    from musicgen.reports.pages.comparison_page import write_page
    from musicgen.reports.pages.shown_command import as_typed
    from musicgen.reports.runs.runs import load_runs

    comparison = aggregate(load_runs(folder))
    page = write_page(comparison, folder / PAGE_FILE, command=as_typed("musicgen", sys.argv[1:]))
    leading = headline_of(comparison.metrics)
    ordered = [*leading, *(one for one in comparison.metrics if one not in leading)]
    notes = metrics_table(comparison, comparison.rows, ordered).notes
    return page, [*notes, *(f"{text}." for _, text in run_warnings(comparison))]


def closing_lines(metrics: Mapping[str, float], folder: Path) -> list[str]:
    """Write the headline metrics one below the other, what they mean, and where to look next.

    Args:
        metrics: Of the run; empty where it was not evaluated.
        folder: The run folder; `index.html` is written into it.

    Returns:
        Lines for the screen; none without headline metrics.
    """
    from musicgen.files.run_folders import from_here
    from musicgen.measure.headlines import headlines, short_number

    rows = []
    for one in headlines(metrics):
        is_read_alone = one.beside != one.beside
        beside = "" if is_read_alone else f"{one.beside_name} {short_number(one.beside)}"
        title = one.metric.title.ljust(30)
        rows.append(f"  {title} {short_number(one.value):>8} {one.metric.arrow:1}  {beside}".rstrip())
    if not rows:
        return []
    page, notes = write_run_page(folder)
    next_lines = [
        f"Page with curves, rolls and sound: {from_here(page)}",
        f"With scores: musicgen evaluate run={from_here(folder)}",
    ]
    return ["Held-out metrics:", *rows, *notes, *next_lines]
