"""Build the stages that a config lists."""

from functools import partial
from typing import Any

from hydra.utils import get_class, instantiate
from omegaconf import DictConfig, OmegaConf

from musicgen.config.tree import plain
from musicgen.pipeline.network_stage import NetworkStage
from musicgen.pipeline.stage import Stage


def build_stages(config: DictConfig) -> dict[str, Stage]:
    """Build all stages of a config, without their networks.

    Args:
        config: Of `train`; `config.stage` maps names to stages.

    Returns:
        The stages by name, in the order of the config.

    Raises:
        ValueError: A setting of a stage is out of range.
    """
    return {str(name): build_stage(config, str(name)) for name in config.stage}


def build_stage(config: DictConfig, name: str) -> Stage:
    """Build one stage of a config, without its network.

    The network is handed over as what makes it: some are built for the codes of another one.
    """
    settings = plain(config.stage[name])
    node = OmegaConf.create({key: value for key, value in settings.items() if key != "network"})
    more: dict[str, Any] = {"name": name, "settings": settings, "is_asked": name in config.stages}
    if "network" in settings:
        if "_target_" not in settings["network"]:
            raise ValueError(f"stage.{name}.network={settings['network']} names no class; leave it out")
        more["make_network"] = partial(instantiate, OmegaConf.create(settings["network"]))
    return instantiate(node, _partial_=True)(**more)


def trained_stages(config: DictConfig) -> list[str]:
    """List the stages that a config asks for and that train a network, in its order."""
    classes = {str(name): get_class(config.stage[name]._target_) for name in config.stage}
    return [
        name for name, stage in classes.items() if issubclass(stage, NetworkStage) and name in config.stages
    ]
