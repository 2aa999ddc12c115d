"""The distinct trainings of a sweep."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from musicgen.config.keys import part_of
from musicgen.config.tree import plain
from musicgen.files.atomic import write_atomically
from musicgen.pipeline.build_stages import build_stage, trained_stages
from musicgen.pipeline.reuse.inputs import digest
from musicgen.pipeline.stage import NetworkStage


@dataclass(frozen=True)
class Work:
    """A training of a stage.

    Attributes:
        stage: Name of the stage.
        title: Title of the stage.
        config: Config of a job that trains it.
        shape: Hash of network, batch and precision, the key of update times.
        steps: Updates of all epochs; None if the pieces were never prepared.
    """

    stage: str
    title: str
    config: DictConfig
    shape: str
    steps: int | None


def to_train(configs: Sequence[DictConfig]) -> list[Work]:
    """List the trainings of all jobs, each once if trained stages are reused.

    Args:
        configs: Configs of the jobs.
    """
    works: dict[tuple[str, str, int], Work] = {}
    for number, config in enumerate(configs):
        for name in trained_stages(config):
            key = (name, _inputs(config, name), 0 if config.reuse else number)
            if key not in works:
                works[key] = _work(config, name)
    return list(works.values())


def _work(config: DictConfig, name: str) -> Work:
    stage = build_stage(config, name)
    assert isinstance(stage, NetworkStage)
    quarters = known_quarters(config)
    is_known = quarters is not None or stage.updates_per_epoch is not None
    steps = stage.count_updates(quarters or 0) if is_known else None
    return Work(name, stage.title, config, shape_key(config, name), steps)


def shape_key(config: DictConfig, name: str) -> str:
    """Hash the settings that determine the time of an update."""
    stage = build_stage(config, name)
    assert isinstance(stage, NetworkStage)
    return digest(without_seeds([stage.shape(), config.trainer.precision]))


def without_seeds(values: Any) -> Any:
    """Drop seeds from nested plain values, as they change neither size nor speed of a network."""
    if isinstance(values, dict):
        return {name: without_seeds(value) for name, value in values.items() if name != "seed"}
    return [without_seeds(value) for value in values] if isinstance(values, list) else values


def _inputs(config: DictConfig, name: str) -> str:
    """Hash a stand-in for the inputs of a stage, from the config alone."""
    node = plain(config.stage[name])
    needs = build_stage(config, name).needs
    values = plain(config)
    shared_settings = {
        key: values.get(key) for key in ("data", "grid", "seed", "trainer", "callbacks", "threads")
    }
    return digest([node, shared_settings, [_inputs(config, need) for need in needs if need in config.stage]])


def remember_quarters(config: DictConfig, quarters: int) -> None:
    """Store the number of training quarters of the chosen pieces, for plans of later sweeps."""
    write_atomically(_quarters_path(config), json.dumps({"train_quarters": quarters}).encode())


def known_quarters(config: DictConfig) -> int | None:
    """Look up the number of training quarters; None if the pieces were never prepared."""
    try:
        return int(json.loads(_quarters_path(config).read_bytes())["train_quarters"])
    except (OSError, ValueError, KeyError):
        return None


def _quarters_path(config: DictConfig) -> Path:
    pieces = _chosen({"data": plain(config.data)})
    return Path(config.data.cache_dir) / "quarters" / f"{digest([pieces, plain(config.grid)])[:24]}.json"


def _chosen(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Drop settings of how pieces are prepared; their location stays, as it identifies them."""
    return {
        name: _chosen(value, f"{prefix}{name}.") if isinstance(value, dict) else value
        for name, value in values.items()
        if part_of(f"{prefix}{name}") != "how"
    }
