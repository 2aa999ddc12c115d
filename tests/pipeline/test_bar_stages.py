"""A run with coarse codes over bars: cut and resumed, taken from the cache, written with, exported."""

import json
from pathlib import Path

import pytest
import torch

from musicgen.checkpoint import load_autoencoder, load_network, load_transformer
from musicgen.models.bar_autoencoder import BarAutoencoder
from musicgen.models.priors.bars import BarTransformer
from tests.command import Musicgen
from tests.conftest import tiny_settings

SMALL = ["transformer=bars", "bars.width=16", "bars.bottleneck.num_embeddings=8", "windows.window_quarters=8"]
SHORT = ["num_pieces=1", "threads=1", "page.max_pieces=0"]
pytestmark = pytest.mark.gate


@pytest.fixture(scope="module")
def run(midi_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a run that lost its power in the middle of the prior's second epoch, and went on."""
    folder = tmp_path_factory.mktemp("bars")
    settings = [
        *tiny_settings(midi_folder),
        *SMALL,
        "max_epochs.transformer=2",
        f"hydra.run.dir={folder / 'run'}",
    ]
    cut = "+callbacks.cut={_target_: tests.interruption.PowerCut, stage: transformer, epoch: 1}"
    Musicgen(folder)("train", *settings, cut, fails=True)
    Musicgen(folder)("train", *settings, "ckpt_path=last")
    return folder / "run"


def prior_of(run: Path) -> BarTransformer:
    prior = load_transformer(run, autoencoder=load_autoencoder(run).module).module
    assert isinstance(prior, BarTransformer)
    return prior


def test_the_prior_keeps_the_trained_autoencoder_of_bars(run: Path):
    bars = load_network(run, "bars", BarAutoencoder)
    kept = prior_of(run).bars.state_dict()
    for name, value in bars.module.state_dict().items():
        assert torch.equal(kept[name], value)
    assert 0 < bars.metrics["bars/val/nats_per_code"] < 6.3  # log 512


def test_bits_count_both_levels(run: Path):
    metrics = json.loads((run / "metrics.json").read_text())
    parts = metrics["val/prior_bits"] + metrics["vq_vae/val/onset_bits"] + metrics["vq_vae/val/release_bits"]
    assert metrics["val/bits_per_quarter"] == pytest.approx(parts)
    best = load_transformer(run, autoencoder=load_autoencoder(run).module).metrics
    assert metrics["transformer/val/nats_per_code"] == pytest.approx(
        best["transformer/val/nats_per_code"], rel=1e-3
    )


@pytest.mark.gate
def test_a_run_that_went_on_is_the_one_that_never_stopped(run: Path, midi_folder: Path, tmp_path: Path):
    settings = [*tiny_settings(midi_folder), *SMALL, "max_epochs.transformer=2"]
    Musicgen(tmp_path)("train", *settings, f"hydra.run.dir={tmp_path / 'whole'}")
    whole, resumed = (prior_of(folder).state_dict() for folder in (tmp_path / "whole", run))
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    again = Musicgen(tmp_path)("train", *settings, f"hydra.run.dir={tmp_path / 'again'}")
    assert "Transformer: reused" in again.stdout + again.stderr


@pytest.mark.gate
@pytest.mark.parametrize(
    "asked", [["num_quarters=6"], ["prompt=PROMPT", "num_quarters=3"], ["prompt=PROMPT", "fill=5:8"]]
)
def test_pieces_prompts_and_gaps_are_written(
    run: Path, asked: list[str], midi_folder: Path, musicgen: Musicgen
):
    prompt = sorted(midi_folder.glob("*.mid"))[0]
    arguments = [argument.replace("PROMPT", str(prompt)) for argument in asked]
    more = ["prompt_quarters=13"] if "num_quarters=3" in asked else []
    new = musicgen.folder / "new"
    musicgen("generate", f"run={run}", *arguments, *more, *SHORT, f"hydra.run.dir={new}")
    assert (new / "000.mid").is_file()


@pytest.mark.gate
def test_an_exported_run_writes_and_another_run_starts_from_it(
    run: Path, midi_folder: Path, musicgen: Musicgen, tmp_path: Path
):
    model = tmp_path / "model"
    musicgen("export", f"run={run}", f"to={model}", "copies=false")
    musicgen("generate", f"run={model}", "num_quarters=4", *SHORT, f"hydra.run.dir={tmp_path / 'new'}")
    assert (tmp_path / "new" / "000.mid").is_file()
    settings = [*tiny_settings(midi_folder), *SMALL, f"init_from={model}"]
    musicgen("train", *settings, f"hydra.run.dir={tmp_path / 'tuned'}")
    assert isinstance(prior_of(tmp_path / "tuned"), BarTransformer)


def test_a_prior_over_bars_is_refused_without_them(midi_folder: Path, musicgen: Musicgen, tmp_path: Path):
    settings = [*tiny_settings(midi_folder), *SMALL, f"hydra.run.dir={tmp_path / 'run'}"]
    said = musicgen("train", *settings, "stages=[vq_vae,transformer]", fails=True).stderr
    assert "stages=[vq_vae,transformer] needs bars, which is not in" in said
    said = musicgen("train", *settings, "bars.bar_quarters=16", fails=True).stderr
    assert "context_quarters=8 holds no bar of 16 quarters" in said
    said = musicgen("train", *settings, "trainer=fsdp", fails=True).stderr
    assert "transformer is a network that cannot be sharded; use trainer=ddp or auto" in said
    assert not (tmp_path / "run").exists()
