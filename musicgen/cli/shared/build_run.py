"""Build the run that a config describes."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from musicgen.cli.shared.pieces import prepared_pieces
from musicgen.config.tree import plain

if TYPE_CHECKING:
    from pytorch_lightning.callbacks import Callback

    from musicgen.data.prepare import Prepared
    from musicgen.pipeline.pipeline import Pipeline
    from musicgen.pipeline.stage import Stage
    from musicgen.pipeline.status import StatusFile
    from musicgen.training.threads import ThreadPolicy


def build_run(
    config: DictConfig,
    *,
    status: "StatusFile",
    watchers: Sequence["Callback"] = (),
    device: int | None,
    is_shown: bool,
    threads: "ThreadPolicy",
) -> "Pipeline":
    """Build everything that a config names, so that mistakes show before anything is trained.

    Args:
        config: Of `train`.
        status: Where the run reports its progress.
        watchers: Callbacks beside those of the config.
        device: The one to train on, of several; None leaves the choice to the trainer.
        is_shown: Show bars; jobs side by side would write over each other's.
        threads: How a stage chooses its threads.

    Raises:
        ValueError: Settings do not fit together, or no pieces are chosen.
    """
    import torch

    from musicgen.pipeline.context import RunContext
    from musicgen.pipeline.pipeline import Pipeline
    from musicgen.pipeline.reuse.store import StageStore
    from musicgen.sweeps.resume import should_resume

    resume = should_resume(config)
    torch.manual_seed(config.seed)
    stages = built_stages(config)
    environment = _environment(config)
    where = _where(config, device, is_shown=is_shown)
    context = RunContext(
        folder=Path(config.run_dir),
        prepared=_observed(config, stages),
        grid_config=plain(config.grid),
        seed=config.seed,
        stages=stages,
        make_trainer=lambda **more: instantiate(config.trainer)(**{**where, **more}),  # each its own strategy
        make_callbacks=lambda: [*_callbacks(config, is_shown=is_shown), *watchers],
        loggers=list(instantiate(config.logger).values()),
        status=status,
        environment=environment,
        resume=resume,
        store=StageStore(Path(config.data.cache_dir) / "stages") if config.reuse else None,
        threads=threads,
    )
    return Pipeline(stages, context)


def built_stages(config: DictConfig) -> "dict[str, Stage]":
    """Build the stages of a config with fresh networks, but for those that it makes impossible.

    Raises:
        ValueError: Settings do not fit together.
    """
    from musicgen.pipeline.build_stages import build_stages
    from musicgen.pipeline.pipeline import in_order

    stages = build_stages(config)
    in_order(stages, config.stages)
    for stage in stages.values():
        if not stage.refusal(stages):
            stage.build(stages)
    return stages


def _environment(config: DictConfig) -> dict[str, Any]:
    """Describe what trains beside the networks; a precision that is left open is settled."""
    from musicgen.training.trainer import fastest_precision

    if config.trainer.precision == "auto":
        config.trainer.precision = fastest_precision(config.trainer.accelerator)
    return {
        "trainer": plain(config.trainer),
        "callbacks": plain(config.callbacks),
        "logger": OmegaConf.to_container(config.logger, resolve=False),  # its paths are the run's own
    }


def _observed(config: DictConfig, stages: "dict[str, Stage]") -> "Prepared":
    """Prepare the pieces, and let the stages see them before anything is trained."""
    from musicgen.pipeline.network_stage import NetworkStage
    from musicgen.sweeps.plan.works import remember_extent

    prepared = prepared_pieces(config)
    if any(isinstance(stages[name], NetworkStage) for name in config.stages):
        prepared.require("train", "val")
    for stage in stages.values():
        if not stage.refusal(stages):
            stage.observe(prepared)
    remember_extent(config, prepared)
    return prepared


def _where(config: DictConfig, device: int | None, *, is_shown: bool) -> dict[str, Any]:
    """Collect the trainer arguments that the sweep decides: the device, and no bars."""
    where: dict[str, Any] = {} if is_shown else {"enable_progress_bar": False}
    if device is not None and config.trainer.get("devices") == 1 and config.trainer.accelerator != "cpu":
        where["devices"] = [device]
    return where


def _callbacks(config: DictConfig, *, is_shown: bool) -> list["Callback"]:
    from pytorch_lightning.callbacks import ProgressBar

    found = list(instantiate(config.callbacks).values())
    return [callback for callback in found if is_shown or not isinstance(callback, ProgressBar)]
