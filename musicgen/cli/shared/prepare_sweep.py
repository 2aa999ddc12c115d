"""Hydra callback that prepares the pieces of a sweep before its plan, which then knows the whole time."""

import logging
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from musicgen.config.tree import plain
from musicgen.sweeps.resources import launcher_name

log = logging.getLogger(__name__)


class PrepareSweep(Callback):
    """Prepare each choice of pieces that jobs of this process will train on, unless it was prepared before.

    Jobs on other machines, and plans without times (`hydra.callbacks.start.budget_s=0`), prepare for
    themselves.
    """

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Prepare the pieces; what goes wrong is left to the jobs, which report it."""
        tells_times = OmegaConf.select(config.hydra, "callbacks.start.budget_s", default=0)
        if launcher_name(config.hydra) != "basic" or not tells_times:
            return
        try:
            _prepare(config)
        except Exception as error:  # noqa: BLE001  (the job with these pieces reports the error)
            log.info("The pieces are not prepared yet: %s", error)


def _prepare(config: DictConfig) -> None:
    from musicgen.cli.shared.pieces import prepared_pieces
    from musicgen.sweeps.plan.jobs import composed, job_overrides
    from musicgen.sweeps.plan.works import known_extent, remember_extent

    done: list[Any] = []
    for job in composed(job_overrides(config.hydra)):
        chosen = [plain(job.data), plain(job.grid)]
        if chosen not in done and known_extent(job) is None:
            remember_extent(job, prepared_pieces(job))
        done.append(chosen)
