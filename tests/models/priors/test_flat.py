import math
from pathlib import Path

import pytest
import torch

from musicgen.models.bottlenecks.base import Vocabulary
from musicgen.models.losses import code_loss
from musicgen.models.priors.flat import Transformer

VOCABULARY, BACHSFORMER = Vocabulary(4, 1, 8), Vocabulary(16, 1, 16)


def tiny(*, dropout: float = 0.0, start_token: bool = True, max_positions: int = 24) -> Transformer:
    torch.manual_seed(0)
    model = Transformer(
        vocabulary=VOCABULARY,
        num_layers=2,
        num_heads=2,
        width=16,
        max_positions=max_positions,
        dropout=dropout,
        start_token=start_token,
    )
    for parameter in model.parameters():  # far enough from the start that everything matters
        parameter.data += 0.3 * torch.randn_like(parameter)
    return model.eval()


def test_each_position_depends_on_itself_and_those_before_it_alone() -> None:
    model = tiny()
    embedded = {}
    model.code_embedding.register_forward_hook(lambda _, __, output: embedded.update(codes=output))
    logits = model(torch.randint(8, (1, 12)))

    for position in range(12):
        (gradient,) = torch.autograd.grad(logits[0, position].sum(), embedded["codes"], retain_graph=True)
        reached = gradient[0].abs().sum(dim=1) > 0
        assert reached.tolist() == [place <= position for place in range(12)]


@pytest.mark.parametrize("pieces", [[24], [1] * 24, [10, 14], [5, 1, 1, 10, 7]])
def test_cached_logits_are_the_uncached_ones(pieces) -> None:
    model = tiny()
    codes = torch.randint(9, (3, 24))
    cache = model.new_cache(3)

    cached = torch.cat([model(part, cache) for part in codes.split(pieces, dim=1)], dim=1)

    assert cache.length == 24
    torch.testing.assert_close(cached, model(codes), rtol=1e-4, atol=1e-5)


def test_a_cleared_cache_forgets() -> None:
    model, cache = tiny(), tiny().new_cache(2)
    model(torch.randint(8, (2, 20)), cache)
    codes = torch.randint(8, (2, 6))

    cache.clear()

    torch.testing.assert_close(model(codes, cache), model(codes), rtol=1e-4, atol=1e-5)
    assert cache.max_positions == 24


def test_more_positions_than_fit_are_refused() -> None:
    model = tiny()
    cache = model.new_cache(1)
    model(torch.zeros(1, 20, dtype=torch.int64), cache)

    with pytest.raises(ValueError, match="25 positions do not fit into max_positions=24"):
        model(torch.zeros(1, 25, dtype=torch.int64))
    with pytest.raises(ValueError, match="25 positions"):
        model(torch.zeros(1, 5, dtype=torch.int64), cache)


@pytest.mark.parametrize(("start_token", "expected", "rows"), [(True, 8, 9), (False, None, 8)])
def test_start_token_is_one_more_code_of_the_input(start_token, expected, rows) -> None:
    model = tiny(start_token=start_token)

    assert model.start_token == expected
    assert len(model.code_embedding.weight) == rows
    assert model(torch.full((1, 1), rows - 1)).shape == (1, 1, 8)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"width": 100, "num_heads": 8}, "width=100.*use width=96"),
        ({"width": 4, "num_heads": 8}, "width=4.*use width=8"),
        ({"num_heads": 0}, "num_heads=0.*use 1 or more"),
        ({"num_layers": 0}, "num_layers=0.*use 1 or more"),
        ({"max_positions": 0}, "max_positions=0.*use 1 or more"),
        ({"dropout": 1.0}, "dropout=1.0.*0 to below 1"),
    ],
)
def test_settings_out_of_range_are_refused(settings, said) -> None:
    with pytest.raises(ValueError, match=said):
        Transformer(vocabulary=VOCABULARY, **settings)


def test_weights_start_small_and_those_that_add_to_the_stream_smaller() -> None:
    model = Transformer(vocabulary=BACHSFORMER, num_layers=8, width=128)
    layer = model.blocks[3]

    assert layer.attention.qkv.weight.std().item() == pytest.approx(0.02, rel=0.05)
    for adding in (layer.attention.output, layer.feed_forward.output):
        assert adding.weight.std().item() == pytest.approx(0.02 / math.sqrt(16), rel=0.05)
    loss = code_loss(model(torch.randint(16, (4, 50))), torch.randint(16, (4, 50)))
    assert loss.item() == pytest.approx(math.log(16), abs=0.1)


def test_parameters_are_counted() -> None:
    model = Transformer(vocabulary=BACHSFORMER, num_layers=4, num_heads=8, width=128)
    layer = 12 * 128 * 128 + 13 * 128

    assert model.num_parameters() == 4 * layer + (17 + 192 + 16) * 128 + 2 * 128


def test_dropout_acts_in_training_alone() -> None:
    model, codes = tiny(dropout=0.5), torch.randint(8, (2, 10))

    assert torch.equal(model(codes), model(codes))
    model.train()
    assert not torch.equal(model(codes), model(codes))


def test_one_batch_overfits() -> None:
    model = tiny().train()
    codes = torch.randint(8, (4, 24), generator=torch.Generator().manual_seed(0))
    inputs = torch.cat([torch.full((4, 1), 8), codes[:, :-1]], dim=1)
    inputs[:, 0] = torch.arange(4)  # four beginnings, so that nothing is left to chance
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(150):
        loss = code_loss(model(inputs), codes)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    assert loss.item() < 0.05


def test_bf16_autocast_reads_a_cache() -> None:
    model, codes = tiny(), torch.randint(8, (2, 6))
    cache = model.new_cache(2)
    with torch.autocast("cpu", torch.bfloat16):
        logits = torch.cat([model(codes[:, :4], cache), model(codes[:, 4:], cache)], dim=1)

    torch.testing.assert_close(logits.float(), model(codes), rtol=0.1, atol=0.1)


def test_state_survives_a_file_of_tensors_only(tmp_path: Path) -> None:
    model, other, codes = tiny(), tiny(), torch.randint(8, (2, 10))
    for parameter in other.parameters():
        parameter.data.zero_()
    torch.save(model.state_dict(), tmp_path / "state.pt")

    other.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))

    assert torch.equal(other(codes), model(codes))
