"""Settings are composed once: Hydra takes half a second for each choice of groups."""

import copy
from functools import cache

import hydra
import pytest
from omegaconf import DictConfig

from musicgen.cli.shared.settings import composition
from musicgen.config.tree import config_dir

_compose = composition.compose


@cache
def composed_once(verb: str, overrides: tuple[str, ...]) -> DictConfig:
    return _compose(verb, overrides=list(overrides), return_hydra_config=True)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch):
    """Compose each choice of groups once: it is the same for every value."""

    def compose(verb: str, *, overrides: list[str], return_hydra_config: bool) -> DictConfig:
        return copy.deepcopy(composed_once(verb, tuple(overrides)))

    monkeypatch.setattr(composition, "compose", compose)
    with hydra.initialize_config_dir(str(config_dir()), version_base="1.3"):
        yield
