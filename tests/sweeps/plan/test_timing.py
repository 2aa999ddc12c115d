"""Sizes and times of models, before a sweep begins."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import DictConfig

from musicgen.measure.extent import Extent
from musicgen.sweeps.plan import timing, works
from musicgen.sweeps.plan.plan import describe_shapes
from musicgen.sweeps.plan.timing import Timed, _built, network_stages
from musicgen.sweeps.plan.works import Work
from tests import composing

SMALL = [
    *("vq_vae.num_hiddens=8", "quantizer.embedding_dim=8", "batch_size.vq_vae=2", "batch_size.transformer=2"),
    *("transformer.width=8", "transformer.num_heads=2", "transformer.num_layers=1", "trainer=fp32"),
]


def composed(*overrides: str) -> DictConfig:
    return composing.composed("train", *SMALL, *overrides, "run_dir=here")


def test_a_line_a_shape_whatever_the_seed():
    configs = [composed(f"seed={seed}") for seed in (0, 1)] + [composed("quantizer.num_embeddings=32")]
    first, second = describe_shapes(configs, ["seed=0", "seed=1", "num_embeddings=32"], most=5)
    assert first.endswith(": 2 jobs, such as seed=0")
    assert "11 codes per quarter out of 512;" in first
    assert "11 codes per quarter out of 32;" in second
    assert second.endswith(": num_embeddings=32")
    assert describe_shapes(configs, ["", "", ""], most=1)[1:] == ["  and 1 more shapes"]


def test_parameters_are_those_of_the_networks():
    config = composed("transformer=flat")
    (_, prior) = network_stages(config)
    count = sum(weight.numel() for weight in prior.network.parameters())
    embeddings = 8 * (256 + 1 + 132)  # codes, start, positions of twelve quarters
    block = 2 * 2 * 8 + (3 * 8 + 1) * 8 + 8 * 8  # two norms; attention without what follows
    assert count > embeddings + block
    (line,) = describe_shapes([config], [""], most=1)
    assert f"transformer {count / 1000:.1f} k parameters" in " ".join(line.split())


def training(stage: str, shape: str) -> Work:
    return Work(stage, stage, composed(), shape, 1)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note which stages are timed, and let each step take a second more than the one before."""
    asked: list[str] = []

    def timed_update(work: Work, *, threads: int) -> float:
        asked.append(work.stage)
        return float(len(asked))

    monkeypatch.setattr(timing, "_timed_update", timed_update)
    return asked


def test_a_shape_is_timed_once(steps: list[str]):
    timed = Timed(threads=1, budget_s=60)
    found = [timed.step_s(training("vq_vae", shape)) for shape in "aba"]
    assert found == [1.0, 2.0, 1.0]
    assert timed.step_s(training("transformer", "a")) == 3.0  # the same name of another stage
    assert timed.all_timed


def test_shapes_beyond_the_budget_take_the_mean_of_those_that_were_timed(steps: list[str]):
    timed = Timed(threads=1, budget_s=60)
    for shape in "ab":
        timed.step_s(training("vq_vae", shape))
    timed.budget_s = -1
    assert timed.step_s(training("vq_vae", "c")) == 1.5
    assert not timed.all_timed
    assert timed.step_s(training("transformer", "c")) == 3.0  # one of each stage is timed all the same
    assert steps == ["vq_vae", "vq_vae", "transformer"]


@pytest.mark.parametrize("stage", ["vq_vae", "transformer"])
def test_a_real_step_takes_time_and_leaves_no_trace(stage: str):
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    took = Timed(threads=threads + 1, budget_s=1).step_s(training(stage, ""))
    assert took is not None
    assert 0 < took < 30
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)


def after_training(stage: str, **foreseen: Any) -> float:
    """Foresee a stage without a network, of fresh networks of SMALL."""
    config = composed(*[f"{name}={value}" for name, value in foreseen.pop("settings", {}).items()])
    stages = _built(config)
    found = stages[stage].foreseen_s(stages, Extent(1000, 100, foreseen.get("measured", 100)))
    assert found is not None
    return found


def test_what_follows_training_takes_longer_the_more_there_is():
    short, long = (after_training("generate", settings={"generate.num_quarters": n}) for n in (16, 512))
    assert 0 < short < long
    few, many = (after_training("evaluate", measured=number) for number in (100, 10_000))
    assert 0 < few < many


def test_a_stage_that_cannot_run_takes_no_time(tmp_path: Path):
    config = composed("bottleneck=none", f"data.cache_dir={tmp_path}")
    remembered = {"train_quarters": 9, "val_quarters": 9, "measured_quarters": 9}
    path = works._extent_path(config)
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(remembered))
    evaluate = Work("evaluate", "evaluate", config, "", 1, trains=False)
    assert Timed(threads=1, budget_s=1).step_s(evaluate) == 0.0
