"""Run the stages of a config in dependency order."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch.distributed as dist
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from musicgen.files.atomic import write_atomically
from musicgen.files.run_folders import find_run
from musicgen.pipeline.charts import log_layout
from musicgen.pipeline.context import RunContext
from musicgen.pipeline.network_stage import NetworkStage
from musicgen.pipeline.reuse.inputs import StageInputs, environment_of, with_threads
from musicgen.pipeline.reuse.record import best_checkpoint, last_checkpoint
from musicgen.pipeline.reuse.trained import TrainedStages
from musicgen.pipeline.stage import Stage
from musicgen.training.threads import Threads

log = logging.getLogger(__name__)


@dataclass
class Pipeline:
    """The stages of a run and what they share.

    Attributes:
        stages: All stages of the config, built, by name.
        context: State shared by the stages.
    """

    stages: Mapping[str, Stage]
    context: RunContext

    def run(self, names: Sequence[str]) -> dict[str, float]:
        """Run stages in dependency order; stages that train no network run on rank 0 only.

        Args:
            names: Names of stages in the config.

        Returns:
            The metrics of the run, empty if it was not evaluated.

        Raises:
            ValueError: A stage is unknown, none can run, or the folder holds checkpoints and `resume` is
                false.
        """
        run = self.context
        plan = self._possible(in_order(self.stages, names))
        self._check_folder(plan)
        for name in needed_beside(self.stages, plan):
            self._take(name)
        log_layout(run.loggers)
        run.status.update(stages=tuple(plan))
        for number, name in enumerate(plan):
            if isinstance(self.stages[name], NetworkStage) or rank_zero_only.rank == 0:
                self._run_stage(name)
            if dist.is_initialized() and any(name in self.stages[later].needs for later in plan[number:]):
                dist.barrier()  # what a later stage reads may be written by rank 0 alone
        return run.metrics

    def _take(self, name: str) -> None:
        """Take the network of a stage that is not run from the run of `init_from`, unless it is here."""
        stage, target = self.stages[name], best_checkpoint(self.context.folder, name)
        if not isinstance(stage, NetworkStage) or stage.init_from is None or target.is_file():
            return
        log.info("%s: taken from %s as it is", stage.title, stage.init_from)
        if rank_zero_only.rank == 0:
            source = best_checkpoint(find_run(stage.init_from), name)
            write_atomically(target, source.read_bytes())
        self.context.device_trainer.strategy.barrier(name)

    def _run_stage(self, name: str) -> None:
        """Run a stage, or reuse it, with as many threads as cores are free now."""
        run, stage = self.context, self.stages[name]
        run.status.update(stage=name, title=stage.title, epoch=0, max_epochs=0, seconds_left=None)
        threads = run.threads.choose()
        inputs = self._inputs(stage, threads=threads.number)
        if inputs is None:
            threads.use()
            began = time.monotonic()
            stage.run(run, None)
            run.status.finish_stage(name, seconds=time.monotonic() - began)
            return
        if run.threads.asked is None:
            numbers = [threads.number, *range(1, run.threads.share + 1)]
            found = self._trained.begun_with(name, inputs, threads=numbers)
            if found not in (None, threads.number):
                threads = Threads(found, "as it was trained before")
                inputs = with_threads(inputs, found)

        def fit(checkpoint: Path | None) -> None:
            threads.use()
            stage.run(run, checkpoint)

        self._trained.train_or_reuse(name, inputs, title=stage.title, fit=fit)

    def _possible(self, names: Sequence[str]) -> list[str]:
        """Filter out the stages that cannot run with this config, and log the reasons."""
        refused: dict[str, str] = {}
        for name in names:
            stage = self.stages[name]
            lost = " and ".join(need for need in stage.needs if need in refused)
            reason = stage.refusal(self.stages) or (f"it needs {lost}" if lost else "")
            if reason:
                refused[name] = reason
                log.warning("%s is skipped: %s", stage.title, reason)
        left = [name for name in names if name not in refused]
        if not left:
            reasons = "; ".join(f"{name}: {reason}" for name, reason in refused.items())
            raise ValueError(f"stages={list(names)}: none of them can run ({reasons})")
        return left

    @cached_property
    def _trained(self) -> TrainedStages:
        run = self.context
        alone = run.device_trainer.world_size == 1
        return TrainedStages(
            folder=run.folder,
            status=run.status,
            loggers=run.loggers,
            store=run.store if alone else None,
            resume=run.resume,
            is_first_rank=rank_zero_only.rank == 0,
        )

    def _inputs(self, stage: Stage, *, threads: int) -> StageInputs | None:
        settings: dict[str, Any] | None = stage.inputs(self.context)
        if settings is None:
            return None
        trainer = self.context.device_trainer
        environment = environment_of(
            self.context.environment,
            accelerator=trainer.strategy.root_device.type,
            settings=settings,
            modules=stage.modules(),
            threads=threads,
        )
        return StageInputs(settings=settings, environment={**environment, "ranks": trainer.world_size})

    def _check_folder(self, names: Sequence[str]) -> None:
        run = self.context
        trained = [name for name in names if last_checkpoint(run.folder, name).exists()]
        if trained and not run.resume:
            raise ValueError(
                f"{run.folder} already holds trained stages ({', '.join(trained)}); "
                "use ckpt_path=last to resume them, or another hydra.run.dir to start anew"
            )


def needed_beside(stages: Mapping[str, Stage], names: Sequence[str]) -> list[str]:
    """List the stages that stages need and that are not among them, which are there already or are taken."""
    needs = [need for name in names for need in stages[name].needs]
    return [need for need in dict.fromkeys(needs) if need not in names]


def in_order(stages: Mapping[str, Stage], names: Sequence[str]) -> list[str]:
    """Sort names of stages topologically, otherwise keeping their order.

    Args:
        stages: All stages by name.
        names: The requested stages.

    Raises:
        ValueError: A name is unknown, none is given, or the stages' needs are circular.
    """
    unknown = sorted(set(names) - set(stages))
    if unknown or not names:
        raise ValueError(f"stages={list(names)}; use one or more of {', '.join(stages)}")
    left, order = list(dict.fromkeys(names)), []
    while left:
        free = [name for name in left if not set(stages[name].needs) & set(left)]
        if not free:
            raise ValueError(f"the stages {', '.join(left)} need each other; change stage.NAME.needs")
        order.append(free[0])
        left.remove(free[0])
    return order
