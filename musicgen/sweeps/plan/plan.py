"""The plan of a sweep: how many jobs, what is trained, how large it is, how long it will take."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hydra import compose
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from omegaconf import DictConfig, OmegaConf

from musicgen.config.tree import config_dir, plain
from musicgen.pipeline.reuse.inputs import digest
from musicgen.sweeps.jobs_progress import duration
from musicgen.sweeps.plan.jobs import differing
from musicgen.sweeps.resources import jobs_at_once, threads_for
from musicgen.sweeps.resume import unfinished
from musicgen.training.stages import TRAINED

if TYPE_CHECKING:
    from musicgen.sweeps.plan.timing import Timed

NAMES = {"vq_vae": "VQ-VAE", "transformer": "transformer"}
MOST_COMPOSED = 64  # jobs; of larger sweeps the rest is taken to be like these
MOST_SHAPES = 12  # lines


@dataclass(frozen=True)
class Work:
    """A stage that will be trained.

    Attributes:
        stage: `vq_vae` or `transformer`.
        config: Of a job that trains it.
        shape: Network, batch and precision, by which steps are timed.
        steps: Batches of all epochs; None where the pieces were never prepared, so that nobody knows.
    """

    stage: str
    config: DictConfig
    shape: str
    steps: int | None


def plan_text(config: DictConfig, jobs: Sequence[Sequence[str]], *, budget_s: float) -> str:
    """Write the plan of a sweep.

    Args:
        config: The sweep's config, Hydra's part with it.
        jobs: The overrides of each job.
        budget_s: Seconds at most for timing steps; 0 tells no times.
    """
    from musicgen.sweeps.plan.timing import Timed, describe_shapes

    left = unfinished(jobs, Path(config.hydra.sweep.dir)) if config.get("resume") else list(jobs)
    configs = composed(left[:MOST_COMPOSED])
    works = to_train(configs)
    at_once = jobs_at_once(config.hydra)
    lines = [
        f"{len(jobs)} jobs"
        + (f", {len(jobs) - len(left)} of them done already" if len(left) < len(jobs) else "")
        + (f", {at_once} at a time" if at_once > 1 else "")
        + f": {_count_text(works)} to train"
        + (f" (of the first {MOST_COMPOSED} jobs)" if len(left) > MOST_COMPOSED else "")
    ]
    labels = [", ".join(one) or "as configured" for one in differing(left or jobs)]
    lines += describe_shapes(configs, labels, most=MOST_SHAPES)
    if budget_s > 0 and works:
        threads = threads_for(config.hydra, usual=config.threads or _torch_threads())
        timed = Timed(threads=config.threads or threads, budget_s=budget_s)
        lines.append(time_text(works, timed, share=len(left) / len(configs) / at_once))
    return "\n".join(lines)


def to_train(configs: Sequence[DictConfig]) -> list[Work]:
    """List the stages that some jobs train: each once, if jobs may take what others have trained.

    Args:
        configs: Of the jobs.
    """
    works: dict[tuple[str, str, int], Work] = {}
    for number, config in enumerate(configs):
        for stage in TRAINED:
            if stage in config.stages:
                key = (stage, _inputs(config, stage), 0 if config.reuse else number)
                works.setdefault(key, Work(stage, config, shape_key(config, stage), _steps(config, stage)))
    return list(works.values())


def _count_text(works: Sequence[Work]) -> str:
    counts = {title: sum(work.stage == stage for work in works) for stage, title in NAMES.items()}
    told = [f"{count} {title}{'' if count == 1 else 's'}" for title, count in counts.items() if count]
    return " and ".join(told) or "nothing"


def remember_quarters(config: DictConfig, quarters: int) -> None:
    """Note how many quarters the chosen pieces have to train on, for the plans of later sweeps."""
    from musicgen.files.atomic import write_atomically

    write_atomically(_quarters_path(config), json.dumps({"train_quarters": quarters}).encode())


def known_quarters(config: DictConfig) -> int | None:
    """Look up how many quarters there are to train on; None if these pieces were never prepared."""
    try:
        return int(json.loads(_quarters_path(config).read_bytes())["train_quarters"])
    except (OSError, ValueError, KeyError):
        return None


def _quarters_path(config: DictConfig) -> Path:
    beside = ("cache_dir", "num_workers")
    data = {name: value for name, value in plain(config.data).items() if name not in beside}
    data["source"] = {k: v for k, v in data["source"].items() if k not in beside}
    return Path(config.data.cache_dir) / "quarters" / f"{digest([data, plain(config.grid)])[:24]}.json"


def composed(jobs: Sequence[Sequence[str]]) -> list[DictConfig]:
    """Give the config of each job, of a large sweep in a moment.

    Hydra composes once for all jobs that choose the same groups; plain values are put in afterwards, as it
    does itself.

    Args:
        jobs: Their overrides.
    """
    parser, made, configs = OverridesParser.create(), {}, []
    for job in jobs:
        overrides = parser.parse_overrides([one for one in job if not one.startswith("hydra")])
        values = [one for one in overrides if _is_plain(one)]
        groups = tuple(str(one.input_line) for one in overrides if not _is_plain(one))
        if groups not in made:
            made[groups] = compose("train", overrides=[*groups, "run_dir=''"])
        config = made[groups].copy()
        for one in values:
            OmegaConf.update(config, one.key_or_group, one.value())
        configs.append(config)
    return configs


def _is_plain(override: Override) -> bool:
    """Tell a value from the choice of a group, and from what is added or deleted."""
    plain_change = override.type == OverrideType.CHANGE and override.package is None
    return plain_change and not (config_dir() / override.key_or_group).is_dir()


def _steps(config: DictConfig, stage: str) -> int | None:
    """Count the batches of a stage; None where the pieces were never prepared."""
    per_epoch, quarters = config.updates_per_epoch[stage], known_quarters(config)
    if per_epoch is None and quarters is not None:
        hop = config.windows.hop_quarters if stage == "transformer" else 1
        per_epoch = -(-max(1, quarters // hop) // config.batch_size[stage])
    return None if per_epoch is None else per_epoch * config.max_epochs[stage]


def shape_key(config: DictConfig, stage: str) -> str:
    """Give what decides the time of a step."""
    windows = plain(config.windows) if stage == "transformer" else None
    return digest([shape_text(config[stage]), config.batch_size[stage], windows, config.trainer.precision])


def shape_text(network: DictConfig) -> str:
    """Give a network's config as text without its seeds, which change neither its size nor its speed."""
    lines = OmegaConf.to_yaml(OmegaConf.create(plain(network))).splitlines()
    return "\n".join(line for line in lines if not line.strip().startswith("seed:"))


def _inputs(config: DictConfig, stage: str) -> str:
    """Give a stand-in for the key of a stage, from the config alone."""
    beside = ("name", "run_dir", "stages", "resume", "retry_failed")
    beside = (*beside, "generate", "sampling", "logger", "metrics")
    later = ("transformer", "windows") if stage == "vq_vae" else ()
    values = {name: value for name, value in plain(config).items() if name not in (*beside, *later, "epochs")}
    if stage == "vq_vae":
        for name, value in values.items():
            if isinstance(value, dict) and set(value) == set(TRAINED):
                values[name] = value[stage]
    return digest(values)


def time_text(works: Sequence[Work], timed: "Timed", *, share: float) -> str:
    """Add up the time of what is trained.

    Args:
        works: Each stage that is trained, once.
        timed: Times a step of each shape.
        share: What to multiply the sum by: more jobs than were looked at, several at a time.
    """
    took = [(work, timed.step_s(work.config, work.stage, work.shape)) for work in works]
    if any(work.steps is None for work in works):
        first = {work.stage: step_s for work, step_s in reversed(took)}
        told = ", ".join(
            f"{1000 * first[stage]:.0f} ms a step of the {name}"
            for stage, name in NAMES.items()
            if stage in first
        )
        return f"Time: {told}; how many steps is known once the pieces are prepared"
    seconds = share * sum((work.steps or 0) * step_s for work, step_s in took)
    about = "" if timed.all_timed else ", from the models that were timed"
    return f"Time: about {duration(seconds)} of training, from a few timed steps{about}"


def _torch_threads() -> int:
    import torch

    return torch.get_num_threads()
