"""Hydra callback that logs a sweep's plan and shows its live table."""

import logging
import sys
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from musicgen.sweeps.resources import jobs_at_once, launcher_name

log = logging.getLogger(__name__)


class SweepStart(Callback):
    """Log the plan of a sweep, and show a live table of jobs that run in other processes.

    Args:
        budget_s: Most seconds spent on timing training steps; 0 estimates no times.
        table: Show the live table on a terminal.
    """

    def __init__(self, *, budget_s: float = 3.0, table: bool = True) -> None:
        self.budget_s = budget_s
        self.table = table
        self._watcher: Any = None

    def __getstate__(self) -> dict[str, Any]:
        """Drop the watcher thread, as Hydra pickles its callbacks for every job."""
        return {**self.__dict__, "_watcher": None}

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Log the plan and start the live table."""
        try:
            log.info("%s", _plan(config, budget_s=self.budget_s))
        except Exception as error:  # noqa: BLE001  (a failing plan must not stop the sweep; the jobs report the error)
            log.info("No plan of this sweep: %s", error)
        log.info("Runs: %s", config.hydra.sweep.dir)
        if self.table and launcher_name(config.hydra) != "basic" and sys.stderr.isatty():
            from musicgen.sweeps.watch import Watcher

            self._watcher = Watcher(Path(config.hydra.sweep.dir))
            self._watcher.start()

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Stop the live table."""
        if self._watcher is not None:
            self._watcher.stop()


def _plan(config: DictConfig, *, budget_s: float) -> str:
    """Write the plan in this process, or in a worker process of a parallel launcher."""
    from musicgen.sweeps.plan.jobs import job_overrides

    jobs = job_overrides(config.hydra)
    if jobs_at_once(config.hydra) > 1:
        from musicgen.sweeps.plan.workers import plan_by_workers

        return plan_by_workers(config, jobs, budget_s=budget_s)
    from musicgen.sweeps.plan.plan import plan_text

    return plan_text(config, jobs, budget_s=budget_s)
