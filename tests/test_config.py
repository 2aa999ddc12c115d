"""Every config composes, names what exists, and carries its question and command."""

import itertools
import re
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import get_class, get_object, instantiate
from omegaconf import DictConfig, OmegaConf

from musicgen.config.tree import config_dir
from musicgen.pipeline.build_stages import build_stage
from musicgen.pipeline.stages.autoencoder import AutoencoderStage
from tests.composing import composed

ROOT = config_dir()
TOP = sorted(path.stem for path in ROOT.glob("*.yaml"))
OPTIONS = sorted(path.relative_to(ROOT) for path in ROOT.glob("*/**/*.yaml"))
TOP_OF_GROUP = {
    "search": "search",
    "baseline": "baseline",
    "classifier": "classify",
}  # the others belong to train


def targets(config: object) -> list[str]:
    if isinstance(config, dict):
        own = [config["_target_"]] if "_target_" in config else []
        return own + [name for value in config.values() for name in targets(value)]
    return []


def override_of(option: Path) -> str:
    group, name = str(option.parent), option.stem
    places = {"optimizer": "@optimizer.vq_vae", "scheduler": "@scheduler.vq_vae", "stage": f"@stage.{name}"}
    stage = places.get(group, "")
    return f"{group}{stage}={name}"


def options_together() -> list[tuple[str, ...]]:
    """Choose another file of each group in each composition, so that few compositions have every file.

    An experiment, which chooses files of other groups, is composed alone, and so are groups of one verb.
    """
    alone: list[tuple[str, ...]] = []
    groups: dict[str, list[str]] = {}
    for option in OPTIONS:
        group = str(option.parent)
        if group == "output" and option.stem in TOP:
            continue  # what its verb has anyway
        if group == "experiment" or group in TOP_OF_GROUP:
            alone.append((TOP_OF_GROUP.get(group, "train"), override_of(option)))
        else:
            groups.setdefault(group, []).append(override_of(option))
    together = itertools.zip_longest(*groups.values())
    return alone + [("train", *filter(None, overrides)) for overrides in together]


def assert_names_what_exists(config: DictConfig) -> None:
    for name in targets(OmegaConf.to_container(config, resolve=False)):
        try:
            get_class(name)
        except (ValueError, ImportError):
            assert callable(get_object(name))


@pytest.mark.parametrize("top", TOP)
def test_every_top_config_composes_and_names_what_exists(top: str):
    assert_names_what_exists(composed(top))


@pytest.mark.parametrize("chosen", options_together(), ids=" ".join)
def test_every_option_composes_and_names_what_exists(chosen: tuple[str, ...]):
    top, *overrides = chosen
    assert_names_what_exists(composed(top, *overrides))


def test_every_option_is_composed():
    tried = {override for _, *overrides in options_together() for override in overrides}
    verbs = [top for top in TOP if f"  - output: {top}\n" in (ROOT / f"{top}.yaml").read_text()]
    assert tried | {f"output={verb}" for verb in verbs} == {override_of(option) for option in OPTIONS}


@pytest.mark.parametrize(
    "experiment",
    sorted(ROOT.glob("experiment/*.yaml")) + sorted(ROOT.glob("search/*.yaml")),
    ids=lambda p: p.stem,
)
def test_every_experiment_says_its_question_and_command(experiment: Path):
    text = experiment.read_text()
    assert re.search(r"^# Question: \S", text, re.MULTILINE)
    assert re.search(rf"^# Command: .*{experiment.parent.name}={experiment.stem}\b", text, re.MULTILINE)


def test_knobs_are_reachable_by_their_short_path():
    knobs = {
        "epochs": 3,
        "vq_vae.num_hiddens": 64,
        "quantizer.num_embeddings": 64,
        "data.composer": ["Chopin"],
        "data.era": ["romantic"],
        "data.title": "Nocturne",
        "seed": 2,
    }
    with initialize_config_dir(str(ROOT), version_base="1.3"):
        config = compose("train", overrides=[f"{key}={value}" for key, value in knobs.items()])
    assert {key: OmegaConf.select(config, key) for key in knobs} == knobs


@pytest.mark.parametrize(
    ("overrides", "semitones"),
    [
        (["data=folder", "data.root=DIR"], 6),
        (["data=chorales"], 0),
        (["data=folder", "data.root=DIR", "data.one_key=true"], 0),
        (["data=chorales", "transpose=2"], 2),
        (["data=folder", "data.root=DIR", "transpose=0"], 0),
        (["experiment=epochs_curve"], 0),
    ],
)
def test_slices_are_moved_to_all_keys_unless_pieces_are_in_one(overrides: list[str], semitones: int):
    stage = build_stage(composed("train", *overrides), "vq_vae")
    assert isinstance(stage, AutoencoderStage)
    assert stage.semitones == semitones


def test_baselines_are_cut_on_the_grid_of_a_default_run():
    assert composed("baseline").grid == composed("train").grid


def test_the_vocabulary_of_the_transformer_follows_the_codebook():
    autoencoder = instantiate(composed("train", "quantizer.num_embeddings=64", "vq_vae.num_hiddens=4").vq_vae)
    prior = instantiate(composed("train").transformer, _partial_=True)(vocabulary=autoencoder.vocabulary)
    assert prior.num_embeddings == 64


@pytest.mark.parametrize(
    ("overrides", "windows"),
    [
        ([], (64, 64)),
        (["windows.window_quarters=8"], (8, 8)),
        (["windows.hop_quarters=3"], (64, 3)),
        (["transformer=flat"], (12, 12)),
        (["experiment=epochs_5_vs_10"], (64, 64)),
        (["experiment=epochs_curve"], (12, 1)),
        (["experiment=published_tails", "init_from=DIR"], (12, 1)),
    ],
)
def test_an_epoch_of_the_prior_is_one_pass_unless_an_experiment_says_otherwise(overrides, windows):
    config = composed("train", *overrides)
    assert (config.windows.window_quarters, config.windows.hop_quarters) == windows
    assert config.transformer.context_quarters == windows[0]
