"""musicgen train: prepare, train both networks, generate, evaluate."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.utils import instantiate
from omegaconf import DictConfig

from musicgen.cli.application import launch
from musicgen.config import plain

if TYPE_CHECKING:
    from pytorch_lightning.callbacks import Callback


def train(config: DictConfig, *, watchers: Sequence["Callback"] = ()) -> None:
    """Make everything that the config names, so that mistakes show first, then run the stages.

    Args:
        config: The composed config.
        watchers: Callbacks of whoever started the run, beside those of the config.
    """
    import torch
    from pytorch_lightning.utilities.rank_zero import rank_zero_only

    from musicgen.cli.prepare import prepared_pieces
    from musicgen.generation.generate import check_request
    from musicgen.pipeline.board import log_settings
    from musicgen.pipeline.plan import StagePlan
    from musicgen.pipeline.run import Pipeline
    from musicgen.provenance import write_record
    from musicgen.training.precision import fastest_precision

    torch.set_num_threads(config.threads or torch.get_num_threads())
    check_request(**config.generate)
    if config.ckpt_path not in (None, "last"):
        raise ValueError(f"ckpt_path={config.ckpt_path}; use last, or null to begin anew")
    torch.manual_seed(config.seed)
    networks = {"vq_vae": config.vq_vae, "transformer": config.transformer}
    built = {stage: instantiate(network) for stage, network in networks.items()}
    plans = {
        stage: StagePlan(
            config=plain(network),
            optimizer=instantiate(config.optimizer[stage]),
            scheduler=instantiate(config.scheduler[stage]),
            max_epochs=config.max_epochs[stage],
            batch_size=config.batch_size[stage],
            init_from=Path(config.init_from) if config.init_from else None,
            updates_per_epoch=config.updates_per_epoch[stage],
            keep=config.keep,
        )
        for stage, network in networks.items()
    }
    if config.trainer.precision == "auto":
        config.trainer.precision = fastest_precision(config.trainer.accelerator)
    pipeline = Pipeline(
        folder=Path(config.run_dir),
        prepared=prepared_pieces(config),
        grid_config=plain(config.grid),
        autoencoder=built["vq_vae"],
        transformer=built["transformer"],
        vq_vae=plans["vq_vae"],
        prior=plans["transformer"],
        make_trainer=instantiate(config.trainer),
        make_callbacks=lambda: [*instantiate(config.callbacks).values(), *watchers],
        loggers=list(instantiate(config.logger).values()),
        sampling=instantiate(config.sampling),
        **config.windows,
        **config.generate,
        seed=config.seed,
        resume=config.ckpt_path == "last",
    )
    settings = plain(config)
    if rank_zero_only.rank == 0:
        threads, data = torch.get_num_threads(), pipeline.data_description()
        write_record(pipeline.folder, seed=config.seed, threads=threads, data=data, config=settings)
    metrics = pipeline.run(config.stages)
    log_settings(pipeline.loggers, settings, metrics)


def main() -> None:
    """Run the verb."""
    launch(train, verb="train")
