"""What only pieces and networks show to be wrong, found before a folder is made."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice

from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from musicgen.cli.shared.asked_pieces import check_asked
from musicgen.cli.shared.pieces import choice_of
from musicgen.cli.shared.settings.usage import UsageError

MOST_JOBS = 100  # of a sweep that are looked at
COPIES_TO_TRAIN = 4  # of each weight: itself, its gradient, two moments


def check_jobs(config: DictConfig, *, verb: str, is_sweep: bool) -> None:
    """Refuse a choice of no pieces, networks that cannot be built, and what a run does not know, in any job.

    Args:
        config: The composed config, of a sweep with the first values.
        verb: The verb.
        is_sweep: Many jobs, each of which is looked at.

    Raises:
        UsageError: A job cannot be carried out; the message says what to type.
    """
    configs = _jobs(config) if is_sweep and verb == "train" else [config]
    seen: list[object] = []
    for job in configs:
        with _refusing():
            if job.get("data") not in seen:
                seen.append(job.get("data"))
                check_choice(job)
        if verb == "train":
            with _refusing():
                check_networks(job)
        for name in (job.composer, job.against) if verb == "style" else ():
            with _refusing():
                chosen = OmegaConf.create({"data": {**job.data, "composer": [name]}})
                check_choice(chosen)
        if verb == "generate":
            with _refusing():
                check_asked(job)


def _jobs(config: DictConfig) -> Sequence[DictConfig]:
    """Compose the jobs of a sweep; only the first one where the sweeper alone knows them."""
    from musicgen.sweeps.plan.jobs import composed, job_overrides

    try:
        return composed(list(islice(job_overrides(config.hydra), MOST_JOBS)))
    except ValueError:
        return [config]


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except InstantiationException as error:
        if not isinstance(error.__cause__, (ValueError, ImportError)):
            raise
        raise UsageError(str(error.__cause__)) from error
    except (ValueError, OmegaConfBaseException) as error:
        raise UsageError(str(error).splitlines()[0]) from error


def check_choice(config: DictConfig) -> None:
    """Refuse composers, eras and titles that no piece of the source has.

    Only names are looked at; no piece is read, and nothing is fetched.

    Args:
        config: Of any verb; without a source nothing happens.

    Raises:
        ValueError: There is no such piece; the message has the nearest names.
    """
    from musicgen.data.sources.source import NamedSource

    data = config.get("data")
    if data is None or "source" not in data or data.get("download"):
        return
    source, choice = instantiate(data.source), choice_of(data)
    if isinstance(source, NamedSource):
        replace(choice, music=None, max_pieces=None).apply(source.names())


def check_networks(config: DictConfig) -> None:
    """Refuse settings of which no network can be built, or none that this machine could train.

    The networks are built without memory for their weights.

    Args:
        config: Of `train`.

    Raises:
        ValueError: Settings do not fit together; the message names them.
    """
    import torch

    from musicgen.cli.shared.build_run import built_stages
    from musicgen.pipeline.stage import NetworkStage

    try:
        with torch.device("meta"):
            stages = built_stages(config)
    except (RuntimeError, OverflowError, InstantiationException) as error:
        if "overflow" in str(error).lower():
            raise ValueError("a network of these sizes fits into no memory; use smaller numbers") from error
        if isinstance(error, InstantiationException):
            raise
        return  # a class that cannot be built without memory; the job says what is wrong
    for name, stage in stages.items():
        if isinstance(stage, NetworkStage) and hasattr(stage, "network"):
            _check_size(name, sum(parameter.nbytes for parameter in stage.network.parameters()))


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
