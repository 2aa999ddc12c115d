"""Hopeless runs: what is reported, when, and in which units."""

import math
from unittest.mock import Mock

import pytest
import pytorch_lightning as pl
import torch

from musicgen.measure.rate import bits_per_quarter
from musicgen.training.pruning import PrunedRun, PruningCallback, bits_with_unigram_prior


def trainer(epoch: int, **metrics: float) -> Mock:
    metrics = {name.replace("__", "/"): torch.tensor(value) for name, value in metrics.items()}
    attributes = {"sanity_checking": False, "world_size": 1, "current_epoch": epoch}
    return Mock(spec=pl.Trainer, callback_metrics=metrics, **attributes)


def module(stage: str) -> Mock:
    found = Mock(spec=pl.LightningModule)
    found.stage, found.stage_number = stage, ["vq_vae", "transformer"].index(stage)
    return found


def test_the_metric_is_reported_by_stage_and_epoch():
    told = []
    stop = PruningCallback("val/x", should_prune=lambda value, step: told.append((value, step)) or False)
    stop.on_validation_end(trainer(0, val__x=3.0), module("vq_vae"))
    stop.on_validation_end(trainer(4, val__x=2.0), module("transformer"))
    stop.on_validation_end(trainer(5, val__y=2.0), module("transformer"))
    stop.on_validation_end(trainer(6, val__x=math.nan), module("transformer"))
    assert told == [(3.0, 1), (2.0, 1005)]


def test_a_hopeless_run_is_stopped():
    stop = PruningCallback("val/x", should_prune=lambda value, step: value > 2)
    with pytest.raises(PrunedRun, match="val/x was 3 after epoch 1 of vq_vae"):
        stop.on_validation_end(trainer(0, val__x=3.0), module("vq_vae"))


def test_a_run_over_several_devices_is_refused():
    several = Mock(spec=pl.Trainer, world_size=2)
    with pytest.raises(ValueError, match=r"over 2 devices .* pruner=null"):
        PruningCallback("val/x", should_prune=lambda value, step: True).setup(
            several, module("vq_vae"), "fit"
        )


def test_the_trivial_prior_is_the_one_of_equal_and_of_single_codes():
    nats = math.log(16)
    assert bits_with_unigram_prior(40.0, 16.0, codes_per_quarter=16) == pytest.approx(
        bits_per_quarter(nats, codes_per_quarter=16, decoder_bits=40.0)
    )
    assert bits_with_unigram_prior(40.0, 1.0, codes_per_quarter=16) == pytest.approx(
        bits_per_quarter(0.0, codes_per_quarter=16, decoder_bits=40.0)
    )
