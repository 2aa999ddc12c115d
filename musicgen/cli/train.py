"""musicgen train: prepare, train both networks, generate, evaluate."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from musicgen.cli.shared.application import launch
from musicgen.config.tree import plain
from musicgen.sweeps.redirect import redirected_screen
from musicgen.sweeps.resources import device_of_job, jobs_at_once, launcher_name, threads_for
from musicgen.sweeps.resume import is_settled, settles

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

    from musicgen.cli.shared.build_run import build_run
    from musicgen.cli.shared.own_metrics import register_metrics
    from musicgen.pipeline.hparams import log_settings
    from musicgen.pipeline.status import running
    from musicgen.provenance import write_record
    from musicgen.training.pruning import PrunedRun

    hydra, is_first_rank = HydraConfig.get(), rank_zero_only.rank == 0
    torch.set_num_threads(config.threads or threads_for(hydra, usual=torch.get_num_threads()))
    register_metrics(config)
    with (
        redirected_screen(hydra, folder=Path(config.run_dir)),
        running(Path(config.run_dir), is_first_rank=is_first_rank, gives_up=(PrunedRun,)) as status,
        device_of_job(torch.cuda.device_count(), jobs=jobs_at_once(hydra)) as device,
    ):
        if settles(status.before, config):  # by a process that was still at work here
            return
        alone = launcher_name(hydra) == "basic"
        pipeline = build_run(config, status=status, watchers=watchers, device=device, is_shown=alone)
        if is_first_rank:
            threads, data = torch.get_num_threads(), pipeline.context.data_description()
            folder, settings = pipeline.context.folder, plain(config)
            write_record(folder, seed=config.seed, threads=threads, data=data, config=settings)
        metrics, typed = pipeline.run(config.stages), list(hydra.overrides.task)
        log_settings(pipeline.context.loggers, plain(config), metrics, typed=typed)


def main() -> None:
    """Run the verb."""
    launch(train, verb="train", is_settled=is_settled)
