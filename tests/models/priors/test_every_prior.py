"""What holds of each prior: causality, a cache that changes nothing, limits, dropout, learning."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch

from musicgen.generation.sampling import DrawRequest, Sampling
from musicgen.models.bottlenecks.base import Vocabulary
from musicgen.models.losses import code_loss
from musicgen.models.priors.base import Prior
from musicgen.models.priors.flat import Transformer
from musicgen.models.priors.lstm import Lstm
from musicgen.models.priors.two_level import TwoLevelTransformer
from tests.generation.uncached import uncached

VOCABULARY = Vocabulary(4, 1, 8)
LOCAL = {"local_layers": 2, "local_heads": 2, "local_width": 16, "code_width": 8}
PRIORS: dict[str, Callable[..., Prior]] = {
    "flat": partial(Transformer, num_heads=2),
    "lstm": Lstm,
    "two_level": partial(TwoLevelTransformer, num_heads=2, **LOCAL),
}
BEFORE = {"two_level": VOCABULARY.codes_per_slice - 1}  # places that it embeds before the first input
every_prior = pytest.mark.parametrize("name", PRIORS)


def tiny(name: str, *, dropout: float = 0.0, **settings: Any) -> Prior:
    torch.manual_seed(0)
    sizes = {"num_layers": 2, "width": 16, "context_quarters": 6}
    model = PRIORS[name](vocabulary=VOCABULARY, dropout=dropout, **sizes, **settings)
    for parameter in model.parameters():  # far enough from the start that everything matters
        parameter.data += 0.3 * torch.randn_like(parameter)
    return model.eval()


@every_prior
def test_each_position_depends_on_itself_and_those_before_it_alone(name: str) -> None:
    model = tiny(name)
    embedded = {}
    model.code_embedding.register_forward_hook(lambda _, __, output: embedded.update(codes=output))
    logits = model(torch.randint(8, (1, 12)))

    for position in range(12):
        (gradient,) = torch.autograd.grad(logits[0, position].sum(), embedded["codes"], retain_graph=True)
        reached = gradient[0, BEFORE.get(name, 0) :].abs().sum(dim=1) > 0
        assert reached.tolist() == [place <= position for place in range(12)]


@every_prior
@pytest.mark.parametrize("pieces", [[24], [1] * 24, [10, 14], [5, 1, 1, 10, 7]])
def test_cached_logits_are_the_uncached_ones_also_after_it_is_cleared(name: str, pieces: list[int]) -> None:
    model = tiny(name)
    codes = torch.randint(9, (3, 24))
    cache = model.new_cache(3)

    cached = torch.cat([model(part, cache) for part in codes.split(pieces, dim=1)], dim=1)

    assert cache.length == 24
    torch.testing.assert_close(cached, model(codes), rtol=1e-4, atol=1e-5)
    cache.clear()
    torch.testing.assert_close(model(codes[:, :6], cache), model(codes[:, :6]), rtol=1e-4, atol=1e-5)


@every_prior
def test_more_positions_than_fit_are_refused(name: str) -> None:
    model = tiny(name)
    cache = model.new_cache(1)
    model(torch.zeros(1, 20, dtype=torch.int64), cache)

    with pytest.raises(ValueError, match="25 positions do not fit into max_positions=24"):
        model(torch.zeros(1, 25, dtype=torch.int64))
    with pytest.raises(ValueError, match="25 positions"):
        model(torch.zeros(1, 5, dtype=torch.int64), cache)


@every_prior
@pytest.mark.parametrize("start_token", [True, False])
def test_cached_codes_are_the_uncached_ones_over_many_slides(name: str, start_token: bool) -> None:
    drawn = [
        Sampling(hop_quarters=2).draw(
            prior, DrawRequest(num_quarters=13, generator=torch.Generator().manual_seed(3), batch=2)
        )
        for prior in (tiny(name, start_token=start_token), uncached(tiny(name, start_token=start_token)))
    ]

    assert torch.equal(*drawn)


@every_prior
def test_dropout_acts_in_training_alone(name: str) -> None:
    model, codes = tiny(name, dropout=0.5), torch.randint(8, (2, 10))

    assert torch.equal(model(codes), model(codes))
    model.train()
    assert not torch.equal(model(codes), model(codes))


@pytest.mark.parametrize("name", ["flat", "two_level"])
def test_bf16_autocast_reads_a_cache(name: str) -> None:
    model, codes = tiny(name), torch.randint(8, (2, 11))
    cache = model.new_cache(2)
    with torch.autocast("cpu", torch.bfloat16):
        logits = torch.cat([model(codes[:, :6], cache), model(codes[:, 6:], cache)], dim=1)

    torch.testing.assert_close(logits.float(), model(codes), rtol=0.1, atol=0.15)


@pytest.mark.parametrize(
    ("name", "rate", "updates", "most"),
    [("flat", 1e-2, 150, 0.05), ("lstm", 3e-2, 200, 0.1), ("two_level", 1e-2, 150, 0.05)],
)
def test_one_batch_overfits(name: str, rate: float, updates: int, most: float) -> None:
    model = tiny(name).train()
    codes = torch.randint(8, (4, 24), generator=torch.Generator().manual_seed(0))
    inputs = torch.cat([torch.full((4, 1), 8), codes[:, :-1]], dim=1)
    inputs[:, 0] = torch.arange(4)  # four beginnings, so that nothing is left to chance
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate)
    for _ in range(updates):
        loss = code_loss(model(inputs), codes)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    assert loss.item() < most
