"""Two levels: the same stream, the same logits however it is read, and a context of whole sections."""

import pytest
import torch

from musicgen.generation.sampling import DrawRequest, Sampling
from musicgen.models.bottlenecks.base import Vocabulary
from musicgen.models.priors.base import Prior
from musicgen.models.priors.flat import Transformer
from musicgen.models.priors.two_level import TwoLevelTransformer
from tests.generation.uncached import uncached

VOCABULARY, BACHSFORMER = Vocabulary(4, 1, 8), Vocabulary(16, 1, 16)
VOCABULARIES = [VOCABULARY, Vocabulary(2, 2, 8, order=(0, 2, 1, 3)), Vocabulary(1, 1, 8)]


def tiny(
    vocabulary: Vocabulary = VOCABULARY,
    *,
    quarters: int = 6,
    dropout: float = 0.0,
    start_token: bool = True,
    max_positions: int | None = None,
) -> TwoLevelTransformer:
    torch.manual_seed(0)
    model = TwoLevelTransformer(
        vocabulary=vocabulary,
        num_layers=2,
        num_heads=2,
        width=16,
        local_layers=2,
        local_heads=2,
        local_width=16,
        code_width=8,
        context_quarters=quarters,
        max_positions=max_positions,
        dropout=dropout,
        start_token=start_token,
    )
    for parameter in model.parameters():  # far enough from the start that everything matters
        parameter.data += 0.3 * torch.randn_like(parameter)
    return model.eval()


@pytest.mark.parametrize("start_token", [True, False])
@pytest.mark.parametrize("vocabulary", VOCABULARIES)
def test_each_position_depends_on_itself_and_those_before_it_alone(vocabulary, start_token) -> None:
    model = tiny(vocabulary, start_token=start_token)
    embedded = {}
    model.code_embedding.register_forward_hook(lambda _, __, output: embedded.update(codes=output))
    positions = model.max_positions
    logits = model(torch.randint(8, (1, positions)))

    before = vocabulary.codes_per_slice - 1  # places before the first input
    for position in range(positions):
        (gradient,) = torch.autograd.grad(logits[0, position].sum(), embedded["codes"], retain_graph=True)
        reached = gradient[0, before:].abs().sum(dim=1) > 0
        assert reached.tolist() == [place <= position for place in range(positions)]


@pytest.mark.parametrize(
    "pieces", [[24], [1] * 24, [10, 14], [5, 1, 1, 10, 7], [4, 8, 12], [1, 22, 1], [3, 18]]
)
@pytest.mark.parametrize("vocabulary", VOCABULARIES)
def test_cached_logits_are_the_uncached_ones(vocabulary, pieces) -> None:
    model = tiny(vocabulary, quarters=24 // vocabulary.codes_per_slice)
    codes = torch.randint(9, (3, sum(pieces)))
    cache = model.new_cache(3)

    cached = torch.cat([model(part, cache) for part in codes.split(pieces, dim=1)], dim=1)

    assert cache.length == sum(pieces)
    torch.testing.assert_close(cached, model(codes), rtol=1e-4, atol=1e-5)


def test_a_part_of_a_quarter_is_read_as_in_the_whole() -> None:
    model, codes = tiny(), torch.randint(8, (2, 24))

    for length in range(1, 24):
        torch.testing.assert_close(model(codes[:, :length]), model(codes)[:, :length], rtol=1e-4, atol=1e-5)


def test_the_code_at_the_same_place_a_quarter_ago_is_seen_by_the_local_level() -> None:
    model, codes = tiny(), torch.randint(8, (1, 12))
    torch.nn.init.zeros_(model.from_state.weight)  # the global level is silent
    changed = codes.clone()
    changed[0, 5] = (changed[0, 5] + 1) % 8  # the code of stream place 5: what place 4 predicts

    differs = (model(codes) - model(changed)).abs().sum(dim=-1)[0] > 1e-6

    assert differs.tolist() == [False] * 5 + [True] * 7  # its own quarter, and the next from that place on


def test_a_context_that_is_no_whole_number_of_quarters_is_read() -> None:
    model, codes = tiny(max_positions=23), torch.randint(8, (1, 23))

    assert model(codes).shape == (1, 23, 8)


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
@pytest.mark.parametrize(("start_token", "prompt_quarters"), [(True, 0), (False, 1), (True, 9), (False, 9)])
def test_cached_codes_are_the_uncached_ones_over_many_slides(
    start_token, vocabulary, prompt_quarters
) -> None:
    per_quarter = vocabulary.codes_per_slice
    prompt = torch.randint(8, (2, prompt_quarters * per_quarter)) if prompt_quarters else None
    drawn = [
        Sampling(hop_quarters=2).draw(
            make(tiny(vocabulary, start_token=start_token)),
            DrawRequest(num_quarters=13, generator=torch.Generator().manual_seed(3), batch=2, prompt=prompt),
        )
        for make in (Prior.eval, uncached)
    ]

    assert torch.equal(*drawn)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"width": 100, "num_heads": 8}, "width=100.*use width=96"),
        ({"local_width": 30, "local_heads": 4}, "width=30.*use width=32"),
        ({"local_layers": 0}, "local_layers=0.*use 1 or more"),
        ({"code_width": 0}, "code_width=0.*use 1 or more"),
        ({"context_quarters": 0}, "context_quarters=0.*use 1 or more"),
        ({"dropout": 1.0}, "dropout=1.0.*0 to below 1"),
    ],
)
def test_settings_out_of_range_are_refused(settings, said) -> None:
    with pytest.raises(ValueError, match=said):
        TwoLevelTransformer(vocabulary=VOCABULARY, **settings)


def test_attention_over_sections_costs_fewer_operations_than_the_flat_prior_over_as_many() -> None:
    """What grows with the square of the context: pairs of positions that attend to each other."""
    long = TwoLevelTransformer(vocabulary=BACHSFORMER, context_quarters=64)
    flat = Transformer(vocabulary=BACHSFORMER, context_quarters=64)
    pairs = len(long.blocks) * 64**2 + len(long.local_blocks) * 64 * 16**2

    assert long.max_positions == flat.max_positions == 1024
    assert pairs * 50 < len(flat.blocks) * 1024**2
