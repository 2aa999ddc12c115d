import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import DictConfig, OmegaConf

from musicgen.checkpoint import load_autoencoder
from musicgen.cli.shared.pieces import prepared_pieces
from musicgen.data.prepare import Prepared
from musicgen.generation import tokenize
from musicgen.generation.tokenize import encode_pieces
from musicgen.pipeline.encode import codes_by_split


@pytest.fixture
def prepared(tiny_run: Path) -> Prepared:
    config = OmegaConf.load(tiny_run / ".hydra" / "config.yaml")
    assert isinstance(config, DictConfig)
    return prepared_pieces(config)


@pytest.mark.gate
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


@pytest.mark.gate
def test_jobs_that_want_the_same_codes_at_once_wait_for_the_one_that_encodes(
    tiny_run: Path, prepared: Prepared, monkeypatch: pytest.MonkeyPatch
):
    networks, calls = [load_autoencoder(tiny_run) for _ in range(3)], []
    with torch.no_grad():
        for network in networks:  # weights that no other test has encoded with
            next(network.module.parameters()).add_(0.2)
    encode = tokenize._encoded

    def slowly(*arguments: Any, **settings: Any) -> Iterator[np.ndarray]:
        calls.append(settings["description"])
        time.sleep(0.3)
        return encode(*arguments, **settings)

    monkeypatch.setattr("musicgen.generation.tokenize._encoded", slowly)
    with ThreadPoolExecutor(3) as jobs:
        first, *others = jobs.map(lambda network: codes_by_split(network, prepared), networks)
    assert sorted(calls) == ["Encoding held-out pieces", "Encoding training pieces"]
    assert all(np.array_equal(first["train"].codes, other["train"].codes) for other in others)


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
