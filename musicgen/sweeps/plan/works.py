"""The work of a sweep: its distinct trainings, and the stages that each job runs for itself."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from musicgen.config.keys import part_of
from musicgen.config.tree import plain
from musicgen.data.prepare import Prepared
from musicgen.files.atomic import write_atomically
from musicgen.measure.extent import Extent
from musicgen.pipeline.build_stages import build_stage, trained_stages
from musicgen.pipeline.network_stage import NetworkStage
from musicgen.pipeline.reuse.inputs import digest

_FORWARD = 1 / 3  # of an update: it goes once forward, and about twice as far back


@dataclass(frozen=True)
class Work:
    """A training of a stage, or a run of a stage that trains nothing.

    Attributes:
        stage: Name of the stage.
        title: Title of the stage.
        config: Config of a job that runs it.
        shape: Hash of what determines the time of a step, the key of times.
        steps: Updates of all epochs, held-out batches counted as parts of one; 1 without a network; None if
            the pieces were never prepared.
        trains: Whether a step is an update of a network.
    """

    stage: str
    title: str
    config: DictConfig
    shape: str
    steps: float | None
    trains: bool = True


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


def beside_training(configs: Sequence[DictConfig]) -> list[Work]:
    """List the stages that train no network, which each job runs for itself; none before pieces are known.

    Args:
        configs: Configs of the jobs.
    """
    works = []
    for config in configs:
        trained = trained_stages(config)
        networks = [shape_key(config, name) for name in trained]
        others = [str(name) for name in config.stage if name in config.stages and name not in trained]
        for name in others if known_extent(config) is not None else ():
            title = build_stage(config, name).title
            shape = digest(without_seeds([networks, plain(config.stage[name]), plain(config.data)]))
            works.append(Work(name, title, config, shape, 1, trains=False))
    return works


def _work(config: DictConfig, name: str) -> Work:
    stage = build_stage(config, name)
    assert isinstance(stage, NetworkStage)
    extent = known_extent(config)
    steps = None
    if extent is not None:
        held_out = replace(stage, updates_per_epoch=None).count_updates(extent.val_quarters)
        steps = stage.count_updates(extent.train_quarters) + _FORWARD * held_out
    elif stage.updates_per_epoch is not None:
        steps = stage.count_updates(0)
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


def remember_extent(config: DictConfig, prepared: Prepared) -> None:
    """Store how much music the chosen pieces hold, for plans of later sweeps."""
    write_atomically(_extent_path(config), json.dumps(asdict(Extent.of(prepared))).encode())


def known_extent(config: DictConfig) -> Extent | None:
    """Look up how much music the chosen pieces hold; None if they were never prepared."""
    try:
        return Extent(**json.loads(_extent_path(config).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def _extent_path(config: DictConfig) -> Path:
    pieces = _chosen({"data": plain(config.data)})
    return Path(config.data.cache_dir) / "extent" / f"{digest([pieces, plain(config.grid)])[:24]}.json"


def _chosen(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Drop settings of how pieces are prepared; their location stays, as it identifies them."""
    return {
        name: _chosen(value, f"{prefix}{name}.") if isinstance(value, dict) else value
        for name, value in values.items()
        if part_of(f"{prefix}{name}") != "how"
    }
