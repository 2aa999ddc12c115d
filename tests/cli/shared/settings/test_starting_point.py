"""A run that starts from another one has networks of the same shapes without saying so."""

from functools import cache, partial
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from musicgen.cli.shared.settings.starting_point import settings_of_start
from musicgen.config.tree import config_dir
from tests import composing

MADE_WITH = [
    "transformer.width=64",
    "quantizer.num_embeddings=1024",
    "condition=composer_and_era",
    "epochs=7",
]


composed = partial(composing.composed, "train")


@cache
def choices() -> dict[str, str]:
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        config = compose("train", overrides=MADE_WITH, return_hydra_config=True)
    return dict(config.hydra.runtime.choices)


def write_run(folder: Path, *, verb: str = "train") -> Path:
    (folder / ".hydra").mkdir(parents=True)
    hydra = {"job": {"config_name": verb}, "runtime": {"choices": choices()}}
    OmegaConf.save(OmegaConf.create({"hydra": hydra}), folder / ".hydra" / "hydra.yaml")
    OmegaConf.save(composed(*MADE_WITH), folder / ".hydra" / "config.yaml")
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("start") / "run")


def test_shapes_and_conditions_are_taken_and_the_training_is_not(run: Path):
    typed = [f"init_from={run}", "data=folder"]
    config = composed(*settings_of_start(typed), *typed)
    assert config.transformer.width == 64
    assert config.quantizer.num_embeddings == 1024
    assert list(config.condition.fields) == ["composer", "era"]
    assert config.epochs == composed().epochs


def test_what_is_typed_stays(run: Path):
    typed = [f"init_from={run}", "transformer.width=32", "condition=none"]
    config = composed(*settings_of_start(typed), *typed)
    assert config.transformer.width == 32
    assert "fields" not in config.condition
    assert config.quantizer.num_embeddings == 1024


def test_all_jobs_of_a_sweep_have_the_same_networks(run: Path):
    assert "transformer.width=64" in settings_of_start([f"init_from=null,{run}"])


def test_networks_from_before_a_setting_have_what_they_had_without_it(tmp_path: Path):
    before = write_run(tmp_path / "before")
    config = OmegaConf.load(before / ".hydra" / "config.yaml")
    del config.vq_vae["local_codes"]
    OmegaConf.save(config, before / ".hydra" / "config.yaml")
    assert composed().vq_vae.local_codes
    assert "vq_vae.local_codes=false" in settings_of_start([f"init_from={before}"])
    assert settings_of_start([f"init_from={before}", "vq_vae.local_codes=true"]) == [
        setting for setting in settings_of_start([f"init_from={before}"]) if "local_codes" not in setting
    ]


def test_taking_them_again_changes_nothing(run: Path):
    typed = [f"init_from={run}"]
    first = settings_of_start(typed)
    assert settings_of_start([*first, *typed]) == []


def test_nothing_is_taken_without_a_run_of_train_or_beside_an_experiment(run: Path, tmp_path: Path):
    imported = write_run(tmp_path / "imported", verb="import")
    assert settings_of_start(["epochs=3"]) == []
    assert settings_of_start([f"init_from={imported}"]) == []
    assert settings_of_start([f"init_from={tmp_path}"]) == []
    assert settings_of_start([f"init_from={run}", "experiment=published"]) == []
