"""Stages: their order, what they need, and a user's own one between two others."""

import json
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import Mock

import pytest
import torch

from musicgen.pipeline.context import RunContext
from musicgen.pipeline.pipeline import Pipeline, in_order
from musicgen.pipeline.reuse.record import read_record
from musicgen.pipeline.stage import Stage
from musicgen.pipeline.status import read_status

YAML = """
_target_: tests.pipeline.own_stage.DensityStage
network: {_target_: tests.pipeline.own_stage.Line, bias: 1.0}
optimizer: {_target_: torch.optim.SGD, _partial_: true, lr: 1e-3}
scheduler: ${scheduler.vq_vae}
max_epochs: 2
batch_size: 8
title: Density
"""


@dataclass(kw_only=True)
class Step(Stage):
    def run(self, run, checkpoint) -> None:
        pass


def steps(**needs: tuple[str, ...]) -> dict[str, Stage]:
    return {name: Step(name=name, needs=those) for name, those in needs.items()}


def test_stages_run_in_the_order_given_but_after_those_they_need():
    stages = steps(a=(), b=("a",), c=("a",), d=("b", "c"))
    assert in_order(stages, ["d", "c", "b", "a"]) == ["a", "c", "b", "d"]
    assert in_order(stages, ["a", "b", "c", "d"]) == ["a", "b", "c", "d"]
    assert in_order(stages, ["d", "b"]) == ["b", "d"]  # c may have run before


@pytest.mark.parametrize("names", [[], ["e"], ["a", "e"]])
def test_unknown_stages_are_refused_with_those_there_are(names: list[str]):
    with pytest.raises(ValueError, match="use one or more of a, b"):
        in_order(steps(a=(), b=("a",)), names)


def test_stages_that_need_each_other_are_refused():
    with pytest.raises(ValueError, match="need each other"):
        in_order(steps(a=("b",), b=("a",)), ["a", "b"])


@dataclass(kw_only=True)
class Refusing(Step):
    def refusal(self, stages) -> str:
        return "the bottleneck has no codes"


def test_a_refused_stage_leaves_out_those_that_need_it_and_says_why(caplog: pytest.LogCaptureFixture):
    stages = {**steps(a=(), c=("b",), d=("a",)), "b": Refusing(name="b", needs=("a",))}
    pipeline = Pipeline(stages, Mock(spec=RunContext))
    assert pipeline._possible(["a", "b", "c", "d"]) == ["a", "d"]
    assert "b is skipped: the bottleneck has no codes" in caplog.text
    assert "c is skipped: it needs b" in caplog.text
    with pytest.raises(ValueError, match=r"none of them can run \(b: the bottleneck has no codes"):
        pipeline._possible(["b", "c"])


@pytest.mark.slow
def test_a_stage_between_two_others_is_one_class_and_one_yaml(musicgen, tiny, tmp_path: Path):
    conf = tmp_path / "conf" / "stage"
    conf.mkdir(parents=True)
    (conf / "density.yaml").write_text(YAML)
    own = [
        f"hydra.searchpath=[file://{conf.parent}]",
        "+stage@stage.density=density",
        "stages=[vq_vae,density,transformer,generate,evaluate]",
        "max_epochs.vq_vae=2",
    ]
    first, second = tmp_path / "first", tmp_path / "second"
    musicgen("train", *tiny, *own, f"hydra.run.dir={first}")
    assert read_status(first).stages == ("vq_vae", "density", "transformer", "generate", "evaluate")
    record = read_record(first, "density")
    assert record.state == "done"
    assert record.settings["vq_vae_sha256"]
    state = torch.load(first / "checkpoints" / "density.ckpt", weights_only=True)
    assert float(state["state_dict"]["line.bias"]) != 1.0
    assert state["musicgen"]["state_prefix"] == "line."
    assert json.loads((first / "metrics.json").read_text())["val/bits_per_quarter"] > 0
    musicgen("train", *tiny, *own, f"hydra.run.dir={second}")
    assert set(read_status(second).taken) == {"vq_vae", "density", "transformer"}
