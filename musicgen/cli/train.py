"""musicgen train: prepare, train both networks, generate, evaluate."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from musicgen.cli.shared.application import launch
from musicgen.cli.shared.closing import announce_time, closing_lines
from musicgen.config.tree import plain
from musicgen.sweeps.jobs_progress import num_jobs
from musicgen.sweeps.redirect import redirected_screen
from musicgen.sweeps.resources import device_of_job, jobs_at_once, launcher_name, threads_for
from musicgen.sweeps.resume import why_finished, why_skipped

if TYPE_CHECKING:
    from pytorch_lightning.callbacks import Callback

log = logging.getLogger(__name__)


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
    from musicgen.training.threads import ThreadPolicy, usual_threads

    hydra, is_first_rank = HydraConfig.get(), rank_zero_only.rank == 0
    threads = ThreadPolicy(asked=config.threads, share=threads_for(hydra, usual=usual_threads()))
    register_metrics(config)
    with (
        redirected_screen(hydra, folder=Path(config.run_dir)),
        running(Path(config.run_dir), is_first_rank=is_first_rank, gives_up=(PrunedRun,)) as status,
        device_of_job(torch.cuda.device_count(), jobs=jobs_at_once(hydra)) as device,
    ):
        if reason := why_skipped(status.before, config, Path(config.run_dir)):
            log.info("Skipped: %s", reason)  # done by a process that was still at work here
            return
        alone = launcher_name(hydra) == "basic"
        if alone and hydra.mode == RunMode.MULTIRUN and is_first_rank:
            of_all = "" if config.resume else f" of {num_jobs(Path(hydra.sweep.dir))}"
            print(f"Job {hydra.job.num + 1}{of_all}: {hydra.job.override_dirname.replace(',', ' ')}")
        pipeline = build_run(
            config, status=status, watchers=watchers, device=device, is_shown=alone, threads=threads
        )
        if is_first_rank:
            data = pipeline.context.data_description()
            folder, settings = pipeline.context.folder, plain(config)
            write_record(folder, seed=config.seed, threads=config.threads, data=data, config=settings)
        is_single = hydra.mode == RunMode.RUN and is_first_rank
        if is_single and not config.resume:
            announce_time(config, hydra, threads=threads)
        metrics = pipeline.run(config.stages)
        shared = set(hydra.job.config.override_dirname.exclude_keys)  # by all jobs of a sweep
        typed = [one for one in hydra.overrides.task if one.lstrip("+~").partition("=")[0] not in shared]
        if is_first_rank:
            log_settings(pipeline.context.loggers, plain(config), metrics, typed=typed)
    for line in closing_lines(metrics, Path(config.run_dir)) if is_single else ():
        print(line)


def main() -> None:
    """Run the verb."""
    launch(train, verb="train", why_settled=why_finished)
