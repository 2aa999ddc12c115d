"""What a training says before its first update and after its last."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

if TYPE_CHECKING:
    from musicgen.training.threads import ThreadPolicy

log = logging.getLogger(__name__)
_FEW_UPDATES = 200  # are over before their time could be told


def announce_time(config: DictConfig, hydra: Any, *, threads: "ThreadPolicy") -> None:
    """Log how long the whole training will take, from a few timed updates of each network.

    Nothing is said of a training that is short, or where `hydra.callbacks.start.budget_s=0` wants no times.

    Args:
        config: Of the run, its pieces prepared.
        hydra: The Hydra part of the config.
        threads: How a stage chooses its threads.
    """
    from musicgen.sweeps.plan.plan import time_text
    from musicgen.sweeps.plan.timing import Timed
    from musicgen.sweeps.plan.works import to_train

    budget_s = float(OmegaConf.select(hydra, "callbacks.start.budget_s", default=0.0) or 0.0)
    works = to_train([config])
    if budget_s <= 0 or sum(work.steps or 0 for work in works) < _FEW_UPDATES:
        return
    timed = Timed(threads=threads.choose().number, budget_s=budget_s)
    log.info("%s", time_text(works, timed, share=1.0))


def closing_lines(metrics: Mapping[str, float], folder: Path) -> list[str]:
    """Write the headline metrics one below the other, trivial or real values beside, and where to look next.

    Args:
        metrics: Of the run; empty where it was not evaluated.
        folder: The run folder.
    """
    from musicgen.measure.headlines import headlines, short_number

    rows = []
    for one in headlines(metrics):
        is_read_alone = one.beside != one.beside
        beside = "" if is_read_alone else f"{one.beside_name} {short_number(one.beside)}"
        title = one.metric.title.ljust(30)
        rows.append(f"  {title} {short_number(one.value):>8} {one.metric.arrow:1}  {beside}".rstrip())
    next_lines = [
        f"Pieces: {folder / 'generated'}",
        f"A page with scores and sound: musicgen evaluate run={folder}",
    ]
    return ["Held-out metrics:", *rows, *next_lines] if rows else []
