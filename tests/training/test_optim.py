"""Parameter groups and schedules."""

import pytest
import torch
from torch import nn

from musicgen.models.bottlenecks.base import Vocabulary
from musicgen.models.priors.flat import Transformer
from musicgen.training.optim import constant, cosine, parameter_groups


def test_matrices_are_decayed_and_biases_gains_and_tables_are_not():
    transformer = Transformer(
        vocabulary=Vocabulary(positions=16, codebooks=1, size=16), num_layers=1, num_heads=2, width=8
    )
    decayed, kept = parameter_groups(transformer)
    names = {id(parameter): name for name, parameter in transformer.named_parameters()}
    assert "weight_decay" not in decayed
    assert kept["weight_decay"] == 0.0
    assert all(parameter.ndim == 2 for parameter in decayed["params"])
    tables = {"code_embedding.weight", "position_embedding.weight"}
    assert tables <= {names[id(parameter)] for parameter in kept["params"]}
    assert len(decayed["params"]) + len(kept["params"]) == len(names)


def rates(make, *, steps: int) -> list[float]:
    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=2.0)
    schedule = make(optimizer, total_steps=steps)
    seen = []
    for _ in range(steps):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return seen


def test_cosine_rises_then_falls_to_the_final_share():
    seen = rates(
        lambda o, total_steps: cosine(o, total_steps=total_steps, warmup=0.1, final_share=0.25), steps=100
    )
    top = seen.index(max(seen))
    assert seen[:top] == sorted(seen[:top])
    assert seen[top:] == sorted(seen[top:], reverse=True)
    assert max(seen) == pytest.approx(2.0, rel=0.01)
    assert seen[-1] == pytest.approx(0.5, rel=0.01)


def test_constant_stays():
    assert rates(constant, steps=5) == [2.0] * 5


@pytest.mark.parametrize("setting", [{"warmup": 1.0}, {"warmup": -0.1}, {"final_share": 1.5}])
def test_a_shard_over_ranks_of_range_is_refused(setting):
    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=1.0)
    with pytest.raises(ValueError, match="share"):
        cosine(optimizer, total_steps=10, **setting)
