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

    from musicgen.pipeline.pipeline import Pipeline
    from musicgen.pipeline.plan import StagePlan
    from musicgen.pipeline.status import StatusFile

NETWORKS = ("vq_vae", "transformer")
# What no weight follows from, or what is looked at by its contents: pieces, code, the start's weights.
BESIDE = (
    *("name", "run_dir", "stages", "ckpt_path", "resume", "retry_failed", "reuse", "init_from", "data"),
    *("threads", "trainer", "callbacks", "logger", "metrics", "epochs", "sampling", "generate"),
)


def build_run(
    config: DictConfig,
    *,
    status: "StatusFile",
    watchers: Sequence["Callback"] = (),
    device: int | None = None,
    is_shown: bool = True,
) -> "Pipeline":
    """Make everything that a config names, so that mistakes show before anything is trained.

    Args:
        config: Of `train`.
        status: Where the run tells its progress.
        watchers: Callbacks beside those of the config.
        device: The one to train on, of several; None leaves the choice to the trainer.
        is_shown: Show bars; jobs side by side would write over each other's.
    """
    import torch

    from musicgen.pipeline.pipeline import Pipeline
    from musicgen.pipeline.reuse.store import StageStore
    from musicgen.sweeps.plan.plan import remember_quarters
    from musicgen.sweeps.resume import goes_on
    from musicgen.training.precision import fastest_precision

    resume = goes_on(config)
    torch.manual_seed(config.seed)
    autoencoder, transformer = (instantiate(config[stage]) for stage in NETWORKS)
    plans = {stage: _plan(config, stage) for stage in NETWORKS}
    if config.trainer.precision == "auto":
        config.trainer.precision = fastest_precision(config.trainer.accelerator)
    environment = {
        "trainer": plain(config.trainer),
        "callbacks": plain(config.callbacks),
        "logger": OmegaConf.to_container(config.logger, resolve=False),  # its paths are the run's own
    }
    prepared = prepared_pieces(config)
    remember_quarters(config, len(prepared.splits["train"]))
    where = _where(config, device, is_shown=is_shown)
    return Pipeline(
        folder=Path(config.run_dir),
        prepared=prepared,
        grid_config=plain(config.grid),
        autoencoder=autoencoder,
        transformer=transformer,
        vq_vae=plans["vq_vae"],
        prior=plans["transformer"],
        make_trainer=lambda **more: instantiate(config.trainer)(**{**where, **more}),  # each its own strategy
        make_callbacks=lambda: [*_callbacks(config, is_shown=is_shown), *watchers],
        loggers=list(instantiate(config.logger).values()),
        sampling=instantiate(config.sampling),
        **config.windows,
        **config.generate,
        seed=config.seed,
        status=status,
        environment=environment,
        resume=resume,
        store=StageStore(Path(config.data.cache_dir) / "stages") if config.reuse else None,
    )


def _where(config: DictConfig, device: int | None, *, is_shown: bool) -> dict[str, Any]:
    """Say what of the trainer the sweep decides: the device, where one is asked for, and no bars."""
    where: dict[str, Any] = {} if is_shown else {"enable_progress_bar": False}
    if device is not None and config.trainer.get("devices") == 1 and config.trainer.accelerator != "cpu":
        where["devices"] = [device]
    return where


def _callbacks(config: DictConfig, *, is_shown: bool) -> list["Callback"]:
    from pytorch_lightning.callbacks import ProgressBar

    found = list(instantiate(config.callbacks).values())
    return [one for one in found if is_shown or not isinstance(one, ProgressBar)]


def _plan(config: DictConfig, stage: str) -> "StagePlan":
    from musicgen.pipeline.plan import StagePlan

    return StagePlan(
        config=plain(config[stage]),
        optimizer=instantiate(config.optimizer[stage]),
        scheduler=instantiate(config.scheduler[stage]),
        max_epochs=config.max_epochs[stage],
        batch_size=config.batch_size[stage],
        init_from=Path(config.init_from) if config.init_from else None,
        updates_per_epoch=config.updates_per_epoch[stage],
        transpose=config.transpose,
        keep=config.keep,
        settings=stage_settings(config, stage),
    )


def stage_settings(config: DictConfig, stage: str) -> dict[str, Any]:
    """Give all of a config that the weights of a stage may follow from; what is not known to be beside is in.

    Args:
        config: Of `train`.
        stage: `vq_vae` or `transformer`.
    """
    left_out = BESIDE + (("transformer", "windows") if stage == "vq_vae" else ("vq_vae", "quantizer"))
    settings = {name: value for name, value in plain(config).items() if name not in left_out}
    by_stage = {
        name for name, value in settings.items() if isinstance(value, dict) and set(value) == set(NETWORKS)
    }
    return {name: value[stage] if name in by_stage else value for name, value in settings.items()}
