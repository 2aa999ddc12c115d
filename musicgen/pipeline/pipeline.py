"""A run: its stages, each after those it needs."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from pytorch_lightning.utilities.rank_zero import rank_zero_only

from musicgen.pipeline.charts import log_layout
from musicgen.pipeline.context import RunContext
from musicgen.pipeline.reuse.inputs import StageInputs, environment_of
from musicgen.pipeline.reuse.record import last_checkpoint
from musicgen.pipeline.reuse.trained import TrainedStages
from musicgen.pipeline.stage import NetworkStage, Stage

log = logging.getLogger(__name__)


@dataclass
class Pipeline:
    """The stages of a run and what they share.

    Attributes:
        stages: All stages of the config, built, by name.
        context: The run.
    """

    stages: Mapping[str, Stage]
    context: RunContext

    def run(self, names: Sequence[str]) -> dict[str, float]:
        """Run stages, each after those it needs; of several ranks the first alone writes and measures.

        Args:
            names: Any of the config's stages.

        Returns:
            The metrics of the run, if it was evaluated.

        Raises:
            ValueError: A stage is unknown, none can run, or the folder holds checkpoints already and nobody
                said to go on from them.
        """
        run = self.context
        plan = self._possible(in_order(self.stages, names))
        self._check_folder(plan)
        log_layout(run.loggers)
        run.status.update(stages=tuple(plan))
        for name in plan:
            stage = self.stages[name]
            is_trained = isinstance(stage, NetworkStage)
            if is_trained or rank_zero_only.rank == 0:
                run.status.update(stage=name, title=stage.title, epoch=0, max_epochs=0, seconds_left=None)
                inputs = self._inputs(stage)
                if inputs is None:
                    stage.run(run, None)
                else:
                    self._trained.train_or_reuse(name, inputs, title=stage.title, fit=partial(stage.run, run))
        return run.metrics

    def _possible(self, names: Sequence[str]) -> list[str]:
        """Leave out the stages that cannot run as the config is, and say why."""
        refused: dict[str, str] = {}
        for name in names:
            stage = self.stages[name]
            lost = " and ".join(need for need in stage.needs if need in refused)
            reason = stage.refusal(self.stages) or (f"it needs {lost}" if lost else "")
            if reason:
                refused[name] = reason
                log.warning("%s is left out: %s", stage.title, reason)
        left = [name for name in names if name not in refused]
        if not left:
            told = "; ".join(f"{name}: {reason}" for name, reason in refused.items())
            raise ValueError(f"stages={list(names)}: none of them can run ({told})")
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

    def _inputs(self, stage: Stage) -> StageInputs | None:
        settings: dict[str, Any] | None = stage.inputs(self.context)
        if settings is None:
            return None
        trainer = self.context.device_trainer
        environment = environment_of(
            self.context.environment,
            accelerator=trainer.strategy.root_device.type,
            settings=settings,
            modules=stage.modules(),
        )
        return StageInputs(settings=settings, environment={**environment, "ranks": trainer.world_size})

    def _check_folder(self, names: Sequence[str]) -> None:
        run = self.context
        there = [name for name in names if last_checkpoint(run.folder, name).exists()]
        if there and not run.resume:
            raise ValueError(
                f"{run.folder} already holds trained stages ({', '.join(there)}); "
                "use ckpt_path=last to go on with them, or another hydra.run.dir to begin anew"
            )


def in_order(stages: Mapping[str, Stage], names: Sequence[str]) -> list[str]:
    """Put names of stages into the order given, but each after those it needs.

    Args:
        stages: All stages by name.
        names: Those that are asked for.

    Raises:
        ValueError: A name is unknown, none is given, or stages need each other in a circle.
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
