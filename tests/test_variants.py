"""Whole runs with other channels, cells, bottlenecks and grids: trained, measured, a prompt continued."""

import json
from pathlib import Path

import numpy as np
import pytest

from musicgen.checkpoint import load_autoencoder, load_transformer
from musicgen.music.midi import read_midi
from tests.command import Musicgen

VARIANTS = {
    "onsets": ["vq_vae=bachsformer", "cells.channels=2"],
    "chains": ["vq_vae=bachsformer", "cells=markov", "quantizer=residual", "pattern=delay", "grid.ticks=8"],
    "triplets": ["grid.ticks=12", "vq_vae=bachsformer", "cells=three_state"],
    "states": ["quantizer=fsq", "noise=cells", "vq_vae.latents_per_position=2"],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.gate) for name in VARIANTS])
def test_a_variant_trains_measures_and_continues_a_prompt(
    name: str, tiny: list[str], musicgen: Musicgen, midi_folder: Path
):
    run = musicgen.folder / "run"
    musicgen("train", *tiny, *VARIANTS[name], f"hydra.run.dir={run}")
    metrics = json.loads((run / "metrics.json").read_text())
    parts = metrics["val/prior_bits"] + metrics["vq_vae/val/onset_bits"] + metrics["vq_vae/val/release_bits"]
    assert metrics["val/bits_per_quarter"] == pytest.approx(parts)
    assert ("codes/saved_bits" in metrics) == (name == "states")
    autoencoder = load_autoencoder(run).module
    prior = load_transformer(run, autoencoder=autoencoder).module
    assert prior.vocabulary == autoencoder.vocabulary
    assert autoencoder.num_codes == {"onsets": 16, "chains": 32, "triplets": 16, "states": 22}[name]
    prompt = sorted(midi_folder.glob("*.mid"))[0]
    new = musicgen.folder / "new"
    arguments = [f"run={run}", f"prompt={prompt}", "num_pieces=1", "num_quarters=3", "threads=1"]
    musicgen("generate", *arguments, "sampling.hop_quarters=1", f"hydra.run.dir={new}")
    ticks = read_midi(new / "000.mid").onset_quarters * autoencoder.layout.ticks
    np.testing.assert_allclose(ticks, np.rint(ticks), atol=1e-9)
    musicgen("evaluate", f"run={run}", "threads=1", f"hydra.run.dir={musicgen.folder / 'measured'}")
    again = json.loads((musicgen.folder / "measured" / "metrics.json").read_text())
    assert again["val/bits_per_quarter"] == pytest.approx(metrics["val/bits_per_quarter"], rel=1e-4)


@pytest.mark.gate
@pytest.mark.slow
@pytest.mark.parametrize("bottleneck", ["gaussian", "none", "sparse"])
def test_a_bottleneck_without_codes_trains_its_autoencoder_and_says_what_is_left_out(
    bottleneck: str, tiny: list[str], musicgen: Musicgen
):
    run = musicgen.folder / "run"
    settings = [setting for setting in tiny if not setting.startswith("quantizer.")]
    musicgen("train", *settings, f"bottleneck={bottleneck}", f"hydra.run.dir={run}")
    assert load_autoencoder(run).module.vocabulary is None
    assert not (run / "checkpoints" / "transformer.ckpt").exists()
    assert "has no codes to learn" in (run / "train.log").read_text()
