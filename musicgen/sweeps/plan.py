"""The plan of a sweep: how many jobs, what is trained, how large it is, how long it will take."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra import compose
from omegaconf import DictConfig

from musicgen.config import plain
from musicgen.pipeline.inputs import digest
from musicgen.pipeline.plan import TRAINED
from musicgen.sweeps.jobs import differing
from musicgen.sweeps.progress import duration
from musicgen.sweeps.resources import jobs_at_once, threads_for

MOST_COMPOSED = 64  # jobs; of larger sweeps the rest is taken to be like these
MOST_SHAPES = 12  # lines


@dataclass(frozen=True)
class Work:
    """What a job has to do in one stage.

    Attributes:
        shape: Network, batch and precision, by which steps are timed.
        inputs: All of the config that its weights follow from: equal ones are trained once.
        steps: Updates; None where the pieces were never prepared, so that nobody knows how many there are.
    """

    shape: str
    inputs: str
    steps: int | None


def plan_text(config: DictConfig, jobs: Sequence[Sequence[str]], *, budget_s: float) -> str:
    """Write the plan of a sweep.

    Args:
        config: The sweep's config, Hydra's part with it.
        jobs: The overrides of each job.
        budget_s: Seconds at most for timing steps; 0 tells no times.
    """
    from musicgen.sweeps.timing import Timed, describe_shapes

    composed = [_composed(job) for job in jobs[:MOST_COMPOSED]]
    works = {stage: [_work(one, stage) for one in composed] for stage in TRAINED}
    trained = {stage: len({work.inputs for work in works[stage]}) for stage in TRAINED}
    at_once = jobs_at_once(config.hydra)
    lines = [
        f"{len(jobs)} jobs"
        + (f", {at_once} at a time" if at_once > 1 else "")
        + f": {trained['vq_vae']} VQ-VAE(s) and {trained['transformer']} transformer(s) to train"
        + (f" (of the first {MOST_COMPOSED} jobs)" if len(jobs) > MOST_COMPOSED else "")
    ]
    labels = [", ".join(one) or "as configured" for one in differing(jobs)]
    lines += describe_shapes(composed, labels, most=MOST_SHAPES)
    if budget_s > 0:
        threads = threads_for(config.hydra, usual=config.threads or _torch_threads())
        timed = Timed(threads=config.threads or threads, budget_s=budget_s)
        lines.append(_time_text(composed, works, timed, jobs=len(jobs), at_once=at_once))
    return "\n".join(lines)


def remember_quarters(config: DictConfig, quarters: int) -> None:
    """Note how many quarters the chosen pieces have to train on, for the plans of later sweeps."""
    from musicgen.data.atomic import write_atomically

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


def _composed(job: Sequence[str]) -> DictConfig:
    config = compose("train", overrides=[one for one in job if not one.startswith("hydra")])
    config.run_dir = ""
    return config


def _work(config: DictConfig, stage: str) -> Work:
    quarters, epochs = known_quarters(config), config.max_epochs[stage]
    batch = config.batch_size[stage] * config.trainer.get("accumulate_grad_batches", 1)
    samples = None if quarters is None else quarters
    if stage == "transformer" and quarters is not None:
        samples = max(1, quarters // config.windows.hop_quarters)
    per_epoch = config.updates_per_epoch[stage] or (None if samples is None else -(-samples // batch))
    return Work(
        shape=shape_key(config, stage),
        inputs=_inputs(config, stage),
        steps=None if per_epoch is None else per_epoch * epochs,
    )


def shape_key(config: DictConfig, stage: str) -> str:
    """Give what decides the time of a step."""
    network: Mapping[str, Any] = plain(config[stage])
    return digest([network, config.batch_size[stage], plain(config.windows), config.trainer.precision])


def _inputs(config: DictConfig, stage: str) -> str:
    """Give a stand-in for the key of a stage, from the config alone."""
    beside = ("name", "run_dir", "stages", "resume", "retry_failed", "generate", "sampling", "logger")
    later = ("transformer", "windows") if stage == "vq_vae" else ()
    values = {name: value for name, value in plain(config).items() if name not in (*beside, *later, "epochs")}
    if stage == "vq_vae":
        for name, value in values.items():
            if isinstance(value, dict) and set(value) == set(TRAINED):
                values[name] = value[stage]
    return digest(values)


def _time_text(
    composed: Sequence[DictConfig],
    works: Mapping[str, Sequence[Work]],
    timed: Any,
    *,
    jobs: int,
    at_once: int,
) -> str:
    """Add up what is trained, each stage once, and divide by the jobs at a time."""
    seconds, unknown = 0.0, 0
    for stage in TRAINED:
        once = {work.inputs: (work, config) for work, config in zip(works[stage], composed, strict=True)}
        for work, config in once.values():
            if work.steps is None:
                unknown += 1
            else:
                seconds += work.steps * timed.step_s(config, stage, work.shape)
    if unknown:
        config = composed[0]
        steps = {stage: timed.step_s(config, stage, shape_key(config, stage)) for stage in TRAINED}
        told = ", ".join(f"{1000 * took:.0f} ms a step of the {stage}" for stage, took in steps.items())
        return f"Time: {told}; how many steps is known once the pieces are prepared"
    seconds *= jobs / len(composed) / at_once
    about = "" if timed.all_timed else ", from the models that were timed"
    return f"Time: about {duration(seconds)} of training, from a few timed steps{about}"


def _torch_threads() -> int:
    import torch

    return torch.get_num_threads()
