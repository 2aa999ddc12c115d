from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from musicgen.checkpoint import load_autoencoder
from musicgen.cli.chosen import prepared_pieces
from musicgen.data.prepare import Prepared
from musicgen.generation.tokenize import encode_pieces
from musicgen.pipeline.codes import codes_by_split


@pytest.fixture
def prepared(tiny_run: Path) -> Prepared:
    return prepared_pieces(OmegaConf.load(tiny_run / ".hydra" / "config.yaml"))


def test_a_second_job_over_the_same_autoencoder_encodes_nothing(
    tiny_run: Path, prepared: Prepared, monkeypatch: pytest.MonkeyPatch
):
    network = load_autoencoder(tiny_run)
    first = codes_by_split(network, prepared)
    monkeypatch.setattr("musicgen.generation.tokenize._encoded", None)
    again = codes_by_split(network, prepared)
    assert set(first) == set(again) == {"train", "val"}
    monkeypatch.undo()
    for name, codes in again.items():
        alone = encode_pieces(network.module, prepared.splits[name])
        assert np.array_equal(codes.codes, alone.codes)
        assert np.array_equal(codes.codes, first[name].codes)


def test_other_weights_have_codes_of_their_own_and_reuse_can_be_refused(
    tiny_run: Path, prepared: Prepared, monkeypatch: pytest.MonkeyPatch
):
    network = load_autoencoder(tiny_run)
    codes_by_split(network, prepared)
    monkeypatch.setattr("musicgen.generation.tokenize._encoded", None)
    with pytest.raises(TypeError):
        codes_by_split(network, prepared, reuse=False)
    with torch.no_grad():
        next(network.module.parameters()).add_(0.1)
    with pytest.raises(TypeError):
        codes_by_split(network, prepared)
