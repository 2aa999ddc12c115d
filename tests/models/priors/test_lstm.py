import pytest
import torch

from musicgen.generation.drawing.readers import CachedReader, UncachedReader
from musicgen.generation.sampling import DrawRequest, Sampling
from musicgen.models.bottlenecks.base import Vocabulary
from musicgen.models.losses import code_loss
from musicgen.models.priors.flat import Transformer
from musicgen.models.priors.lstm import Lstm

VOCABULARY, BACHSFORMER = Vocabulary(4, 1, 8), Vocabulary(16, 1, 16)


def tiny(*, dropout: float = 0.0, start_token: bool = True) -> Lstm:
    torch.manual_seed(0)
    model = Lstm(
        vocabulary=VOCABULARY,
        num_layers=2,
        width=16,
        context_quarters=6,
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


@pytest.mark.parametrize("pieces", [[24], [1] * 24, [5, 1, 1, 10, 7]])
def test_cached_logits_are_the_uncached_ones(pieces) -> None:
    model = tiny()
    codes = torch.randint(9, (3, 24))
    cache = model.new_cache(3)

    cached = torch.cat([model(part, cache) for part in codes.split(pieces, dim=1)], dim=1)

    assert cache.length == 24
    torch.testing.assert_close(cached, model(codes))
    cache.clear()
    torch.testing.assert_close(model(codes[:, :6], cache), model(codes[:, :6]))


def test_more_positions_than_fit_are_refused() -> None:
    model = tiny()
    cache = model.new_cache(1)
    model(torch.zeros(1, 20, dtype=torch.int64), cache)

    with pytest.raises(ValueError, match="25 positions do not fit into max_positions=24"):
        model(torch.zeros(1, 5, dtype=torch.int64), cache)


@pytest.mark.parametrize("start_token", [True, False])
def test_cached_codes_are_the_uncached_ones_over_many_slides(start_token) -> None:
    drawn = [
        Sampling(hop_quarters=2).draw(
            tiny(start_token=start_token),
            DrawRequest(num_quarters=20, generator=torch.Generator().manual_seed(3), batch=2),
            reader=reader,
        )
        for reader in (CachedReader, UncachedReader)
    ]

    assert torch.equal(*drawn)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"num_layers": 0}, "num_layers=0.*use 1 or more"),
        ({"width": 0}, "width=0.*use 1 or more"),
        ({"dropout": 1.0}, "dropout=1.0.*0 to below 1"),
    ],
)
def test_settings_out_of_range_are_refused(settings, said) -> None:
    with pytest.raises(ValueError, match=said):
        Lstm(vocabulary=VOCABULARY, **settings)


def test_the_defaults_are_of_one_size_with_the_transformers() -> None:
    lstm, transformer = Lstm(vocabulary=BACHSFORMER), Transformer(vocabulary=BACHSFORMER)

    assert lstm.num_parameters() == pytest.approx(transformer.num_parameters(), rel=0.02)


def test_one_batch_overfits() -> None:
    model = tiny().train()
    codes = torch.randint(8, (4, 24), generator=torch.Generator().manual_seed(0))
    inputs = torch.cat([torch.full((4, 1), 8), codes[:, :-1]], dim=1)
    inputs[:, 0] = torch.arange(4)  # four beginnings, so that nothing is left to chance
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-2)
    for _ in range(200):
        loss = code_loss(model(inputs), codes)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    assert loss.item() < 0.1
