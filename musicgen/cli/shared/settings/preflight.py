"""What only pieces and networks show to be wrong, found before a folder is made."""

import logging
import os
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from musicgen.cli.shared.check_asked import check_asked
from musicgen.cli.shared.check_asked import check_networks as check_networks_of
from musicgen.cli.shared.measured import settings_of_run
from musicgen.cli.shared.pieces import choice_of
from musicgen.cli.shared.settings.usage import FolderError
from musicgen.config.build import build
from musicgen.config.tree import plain
from musicgen.data.catalogue.shards import Shard
from musicgen.files.run_folders import find_run

LOCAL_LAUNCHERS = ("BasicLauncher", "JoblibLauncher")  # whose jobs run on this machine
MOST_JOBS = 100  # of a sweep that are looked at
COMPARED = ["sort", "where", "group_by", "significance", "better", "front"]  # what chooses and orders runs
COPIES_TO_TRAIN = 4  # of each weight: itself, its gradient, two moments


def check_jobs(config: DictConfig, *, verb: str, is_sweep: bool) -> None:
    """Refuse a choice of no pieces, networks that cannot be built, and what a run does not know, in any job.

    Args:
        config: The composed config, of a sweep with the first values.
        verb: The verb.
        is_sweep: Many jobs, each of which is looked at.

    Raises:
        ValueError: A job cannot be carried out; the message says what to type.
        OSError: What it needs cannot be read.
    """
    configs = _jobs(config) if is_sweep and verb == "train" else [config]
    runs_here = str(config.hydra.launcher._target_).endswith(LOCAL_LAUNCHERS)
    seen: list[object] = []
    for job in configs:
        if verb == "train" and runs_here and job.trainer not in seen:
            seen.append(job.trainer)
            check_trainer(job)
        if job.get("data") not in seen:
            seen.append(job.get("data"))
            _check_held_out(job, verb=verb)
            _check_cache(job)
            check_choice(job)
        _check_job(job, verb=verb)
        if verb == "train" and not (is_sweep and Path(config.hydra.sweep.dir).is_dir()):
            _check_needed(job, Path(config.hydra.run.dir))


def _check_job(config: DictConfig, *, verb: str) -> None:
    if verb == "train":
        check_networks(config)
    elif verb == "generate":
        check_asked(config)
    elif config.get("shard"):
        Shard.parse(config.shard)
    elif verb == "export":
        from musicgen.pipeline.export import check_target

        check_target(config.to)
    elif verb == "import":
        from musicgen.compat.bachsformer_weights import load_weights

        load_weights(config.weights, num_heads=config.num_heads)
    elif verb == "evaluate" and config.run:  # a stranger's run, of which not everything is built
        check_networks_of(Path(config.run), "to measure")
        check_choice(settings_of_run(config), make=lambda named: build(plain(named)))
    elif verb == "search":
        from musicgen.search.objectives import read_objectives
        from musicgen.search.space import read_space
        from musicgen.search.study import check_storage

        read_objectives(list(config.metrics), dict(config.better))
        read_space(config.knobs, fixed=config.typed)
        check_storage(config.storage)
        instantiate({"sampler": config.sampler, "pruner": config.pruner})
    elif verb == "watch":  # runs that have not begun yet are waited for
        missing = [folder for folder in config.runs if not Path(folder).is_dir()]
        if missing:
            raise ValueError(f"{missing[0]} is not a folder; name a run, a sweep, or a folder of them")
    elif verb in ("compare", "runs", "tensorboard"):
        from musicgen.reports.compare.compare import compared
        from musicgen.reports.runs.runs import find_runs

        find_runs(config.runs)
        if verb == "compare":
            compared(config.runs, **plain(OmegaConf.masked_copy(config, COMPARED)))
    elif verb == "style":
        for name in (config.composer, config.against):
            check_choice(OmegaConf.create({"data": {**config.data, "composer": [name]}}))


def _jobs(config: DictConfig) -> Sequence[DictConfig]:
    """Compose the jobs of a sweep; only the first one where the sweeper alone knows them."""
    from musicgen.sweeps.plan.jobs import composed, job_overrides

    try:
        return composed(list(islice(job_overrides(config.hydra), MOST_JOBS)))
    except ValueError:
        return [config]


def _check_held_out(config: DictConfig, *, verb: str) -> None:
    """Refuse shares of held-out pieces that leave nothing to train on or to choose the best epoch by."""
    from musicgen.data.catalogue.splitting import check_fractions

    data = config.get("data") or {}
    val, test = data.get("val_fraction"), data.get("test_fraction")
    if val is not None and test is not None:
        check_fractions(val_fraction=val, test_fraction=test)
    if verb == "train" and val == 0:
        from musicgen.pipeline.build_stages import trained_stages

        if trained_stages(config):
            raise ValueError(
                "data.val_fraction=0: no piece is held out to choose the best epoch by; use for example 0.1"
            )


def _check_cache(config: DictConfig) -> None:
    """Refuse a cache that cannot be made; one that is there may be read-only and yet hold what is needed."""
    stated = (config.get("data") or {}).get("cache_dir")
    folder = Path(stated).absolute() if stated else None
    if folder is None or folder.is_dir():
        return
    parent = next(place for place in folder.parents if place.exists())
    if folder.exists() or not parent.is_dir() or not os.access(parent, os.W_OK):
        reason = "it is a file" if folder.exists() else f"{parent} is read-only or no folder"
        raise FolderError(
            f"data.cache_dir={folder} cannot be made: {reason}; give another data.cache_dir or MUSICGEN_CACHE"
        )


def check_trainer(config: DictConfig) -> None:
    """Refuse a trainer that cannot work on this machine, such as one for a GPU that is not there.

    Args:
        config: Of `train`.

    Raises:
        ValueError: The trainer cannot be made; the message is Lightning's.
    """
    from pytorch_lightning.utilities.exceptions import MisconfigurationException

    settings = OmegaConf.create(config.trainer)
    if settings.precision == "auto":
        settings.precision = "32-true"
    speaker = logging.getLogger("pytorch_lightning.utilities.rank_zero")
    level = speaker.level
    speaker.setLevel(logging.ERROR)
    try:
        instantiate(settings)(logger=False, enable_checkpointing=False, enable_progress_bar=False)
    except (MisconfigurationException, RuntimeError, ValueError, TypeError, ImportError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(
            f"the trainer cannot work here: {reason}; set trainer=auto, or trainer.KEY"
        ) from error
    finally:
        speaker.setLevel(level)


def check_choice(config: DictConfig, *, make: Callable[[DictConfig], Any] = instantiate) -> None:
    """Refuse composers, eras and titles that no piece of the source has.

    Only names are looked at; no piece is read, and nothing is fetched.

    Args:
        config: Of any verb; without a source nothing happens.
        make: Builds the source.

    Raises:
        ValueError: There is no such piece; the message has the nearest names.
    """
    from musicgen.data.sources.source import NamedSource

    data = config.get("data")
    if data is None or "source" not in data or data.get("download"):
        return
    source, choice = make(data.source), choice_of(data)
    if isinstance(source, NamedSource):
        choice.by_name(source)


def check_networks(config: DictConfig) -> None:
    """Refuse settings of which no network can be built, or none that this machine could train.

    The networks are built without memory for their weights.

    Args:
        config: Of `train`.

    Raises:
        ValueError: Settings do not fit together, or not to the run that `init_from` names; the message names
            them.
        FileNotFoundError: That run has no such network.
    """
    import torch

    from musicgen.cli.shared.build_run import built_stages
    from musicgen.pipeline.network_stage import NetworkStage

    try:
        with torch.device("meta"):
            stages = built_stages(config)
    except (RuntimeError, OverflowError, InstantiationException) as error:
        if "overflow" in str(error).lower():
            raise ValueError("a network of these sizes fits into no memory; use smaller numbers") from error
        if isinstance(error, InstantiationException):
            raise
        return  # a class that cannot be built without memory; the job says what is wrong
    is_sharded = str(OmegaConf.select(config, "trainer.strategy._target_")).endswith(".ShardedStrategy")
    for name, stage in stages.items():
        if isinstance(stage, NetworkStage) and hasattr(stage, "network"):
            if is_sharded and not stage.can_be_sharded and name in config.stages:
                raise ValueError(f"{name} is a network that cannot be sharded; use trainer=ddp or auto")
            _check_size(name, sum(parameter.nbytes for parameter in stage.network.parameters()))
            if name in config.stages and not stage.refusal(stages):
                stage.check_start()


def _check_needed(config: DictConfig, folder: Path) -> None:
    """Refuse to run without a stage that others need, where neither the run nor `init_from` has it."""
    from musicgen.pipeline.build_stages import build_stages
    from musicgen.pipeline.pipeline import needed_beside
    from musicgen.pipeline.reuse.record import best_checkpoint

    for name in needed_beside(build_stages(config), config.stages):
        places = [folder] if config.init_from is None else [folder, find_run(config.init_from)]
        if not any(best_checkpoint(place, name).is_file() for place in places):
            asked, looked = ",".join(config.stages), " and ".join(map(str, places))
            raise ValueError(
                f"stages=[{asked}] needs {name}, which is not in {looked}; add it to the stages, or name a "
                "run that has it by init_from=RUN"
            )


def _check_size(name: str, num_bytes: int) -> None:
    needed, there = COPIES_TO_TRAIN * num_bytes, _memory_bytes()
    if there is not None and needed > there:
        raise ValueError(
            f"{name}: to train {num_bytes / 4e6:,.0f} M parameters takes {needed / 1e9:,.0f} GB, and this "
            f"machine has {there / 1e9:,.0f} GB; use a smaller width or fewer layers"
        )


def _memory_bytes() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows
        return None
