"""Two levels of codes: a plan for each bar, and codes that follow from it; bits that are a code length."""

import copy
import itertools
import math

import pytest
import torch

from musicgen.generation import sampling
from musicgen.generation.asking.conditions import Conditions
from musicgen.generation.drawing.bar_plan import BarPlan
from musicgen.generation.sampling import DrawRequest, Sampling
from musicgen.models.bar_autoencoder import BarAutoencoder
from musicgen.models.bottlenecks.base import Vocabulary
from musicgen.models.bottlenecks.codebook import VectorQuantizer
from musicgen.models.conditioners.labels import LabelConditioner
from musicgen.models.priors.bars import BarTransformer
from tests.generation.uncached import uncached

VOCABULARY = Vocabulary(3, 1, 8)
VOCABULARIES = [VOCABULARY, Vocabulary(2, 2, 8, order=(0, 2, 1, 3)), Vocabulary(1, 1, 8)]
BAR, QUARTERS = 2, 6


def tiny(
    vocabulary: Vocabulary = VOCABULARY, *, bar: int = BAR, places: int = 2, size: int = 4, fields: int = 0
) -> BarTransformer:
    torch.manual_seed(0)
    bars = BarAutoencoder(
        vocabulary=vocabulary,
        bottleneck=VectorQuantizer(num_embeddings=size, embedding_dim=4),
        bar_quarters=bar,
        codes_per_bar=places,
        width=16,
        code_width=4,
    )
    names = [["a", "b"]] * fields
    model = BarTransformer(
        vocabulary=vocabulary,
        bars=bars,
        conditioner=LabelConditioner(fields=["composer"], width=16, names=names) if fields else None,
        num_layers=2,
        num_heads=2,
        width=16,
        local_layers=1,
        local_heads=2,
        local_width=16,
        code_width=8,
        context_quarters=QUARTERS,
        dropout=0.0,
    )
    for parameter in model.parameters():  # far enough from the start that everything matters
        parameter.data += 0.3 * torch.randn_like(parameter)
    bars.bottleneck.codebook *= 0.2  # so that every code is near to some bars
    return model.eval()


def inputs_of(model: BarTransformer, codes: torch.Tensor) -> torch.Tensor:
    start = torch.full((len(codes), 1), model.vocabulary.size)
    return torch.cat([start, codes[:, :-1]], dim=1)


def random_plan(model: BarTransformer, quarters: int, *, rows: int = 1) -> torch.Tensor:
    coarse = torch.randint(model.nothing, (rows, quarters, model.bars.coarse.codes_per_slice))
    return torch.cat([coarse, torch.randint(model.bar_quarters, (rows, quarters, 1))], dim=2)


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
def test_a_position_depends_on_codes_up_to_it_and_on_the_plan_of_its_quarter(vocabulary) -> None:
    model, embedded = tiny(vocabulary), {}
    model.code_embedding.register_forward_hook(lambda _, __, output: embedded.update(codes=output))
    model.from_guess.register_forward_hook(lambda _, __, output: embedded.update(plan=output))
    per_quarter = vocabulary.codes_per_slice
    codes = torch.randint(8, (1, QUARTERS * per_quarter))

    logits = model(inputs_of(model, codes), plan=random_plan(model, QUARTERS))

    for position in range(codes.shape[1]):
        of_codes, of_plan = torch.autograd.grad(
            logits[0, position].sum(), [embedded["codes"], embedded["plan"]], retain_graph=True
        )
        reached = (of_codes[0, per_quarter - 1 :].abs().sum(dim=1) > 0).tolist()
        assert reached == [place <= position for place in range(codes.shape[1])]
        told = (of_plan.flatten(0, 1).abs().sum(dim=1) > 0).tolist()
        begun = position - position % per_quarter
        assert told == [begun <= place <= position for place in range(codes.shape[1])]


def test_a_plan_is_predicted_from_what_comes_before_its_bar_alone() -> None:
    model = tiny()
    codes, plan = torch.randint(8, (1, 18)), random_plan(model, QUARTERS)
    state = model.state_ahead(inputs_of(model, codes)[:, :7], labels=None)
    told = model._told(plan, past=0, positions=18)
    _, states = model._predict(inputs_of(model, codes), None, labels=None, plan=told)

    torch.testing.assert_close(states[:, 2], state)  # though codes and plans of its own bar were read
    coarse = torch.tensor([[1, 2]])
    other = torch.tensor([[1, 3]])
    torch.testing.assert_close(model.coarse(state, coarse)[:, :2], model.coarse(state, other)[:, :2])
    assert not torch.equal(model.coarse(state, coarse)[:, 1], model.coarse(state, coarse + 1)[:, 1])


@pytest.mark.parametrize("pieces", [[18], [1] * 18, [10, 8], [5, 1, 1, 10, 1], [4, 8, 6]])
@pytest.mark.parametrize("planned", [True, False])
def test_cached_logits_are_the_uncached_ones(pieces, planned) -> None:
    model = tiny()
    codes = torch.randint(9, (3, 18))
    plan = random_plan(model, QUARTERS, rows=3) if planned else None
    cache = model.new_cache(3)

    cached = torch.cat([model(part, cache, plan=plan) for part in codes.split(pieces, dim=1)], dim=1)

    torch.testing.assert_close(cached, model(codes, plan=plan), rtol=1e-4, atol=1e-5)
    if planned:
        assert not torch.allclose(cached, model(codes), atol=1e-3)


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
@pytest.mark.parametrize(("prompt_quarters", "hop_quarters"), [(0, 2), (1, 1), (9, 2)])
def test_cached_codes_are_the_uncached_ones_over_many_slides(
    vocabulary, prompt_quarters, hop_quarters
) -> None:
    model = tiny(vocabulary, fields=1)
    prompt = torch.randint(8, (2, prompt_quarters * vocabulary.codes_per_slice)) if prompt_quarters else None
    labels = torch.tensor([1, 0])[:, None, None, None]
    drawn = [
        Sampling(hop_quarters=hop_quarters).draw(
            prior,
            DrawRequest(
                num_quarters=13,
                generator=torch.Generator().manual_seed(3),
                batch=2,
                prompt=prompt,
                conditions=Conditions(labels, weights=(1.5, -0.5)),
            ),
        )
        for prior in (model, uncached(copy.deepcopy(model)))
    ]

    assert torch.equal(*drawn)


def test_a_row_does_not_depend_on_how_many_there_are() -> None:
    model = tiny()
    alone, among = (
        Sampling().draw(model, DrawRequest(9, torch.Generator().manual_seed(1), batch=batch))
        for batch in (1, 3)
    )

    assert torch.equal(alone[0], among[0])


def test_a_bar_is_planned_once_and_its_plan_is_told_to_all_its_quarters(monkeypatch) -> None:
    model, told, plans = tiny(), [], []
    guess = model.bars.guess
    model.bars.guess = lambda coarse: told.append(coarse) or guess(coarse)

    monkeypatch.setattr(sampling, "BarPlan", lambda prior: plans.append(BarPlan(prior)) or plans[-1])

    Sampling().draw(model, DrawRequest(5, torch.Generator().manual_seed(1)))

    plan = plans[0].since(0)[0]
    assert plan[:, -1].tolist() == [0, 1, 0, 1, 0]
    assert torch.equal(plan[0:4:2, :-1], plan[1:4:2, :-1])
    assert len(plan[:, :-1].unique(dim=0)) > 1
    assert torch.equal(torch.cat(told), plan[:, :-1])


def test_a_prompt_is_planned_back_from_its_end() -> None:
    model, codes = tiny(), torch.randint(8, (1, 5, 3))

    plan = model.plan_of(codes, first=1)

    assert plan[0, :, -1].tolist() == [1, 0, 1, 0, 1]
    coarse = plan[0, :, :-1]
    assert (coarse[0] == model.nothing).all()
    assert torch.equal(coarse[1:3], model.bars.encode(codes[:, 1:3]).expand(2, -1))
    assert torch.equal(coarse[3:], model.bars.encode(codes[:, 3:]).expand(2, -1))
    assert (model.plan_of(codes[:, :1], first=1)[..., :-1] == model.nothing).all()
    assert (model.plan_of(codes[:, :0], first=0)).shape == (1, 0, 3)


def test_the_bits_of_all_pieces_are_a_code_length() -> None:
    """Over all pieces of three quarters, and all plans, shares sum to 1; nats are those of the own plan."""
    model = tiny(Vocabulary(2, 1, 2), places=1, size=2)
    codes = torch.tensor(list(itertools.product(range(2), repeat=6)))
    mask = torch.ones_like(codes, dtype=torch.bool)
    nats = torch.stack(
        [model.nats(inputs_of(model, row), row, mask=mask[:1]) * 6 for row in codes[:, None]]
    ).double()
    own = model.plan_of(codes.view(-1, 3, 2), first=0)
    assert own[:, :2, 0].unique().tolist() == [0, 1]  # both coarse codes occur
    joint = []
    for coarse in range(2):
        plan = own.clone()
        plan[:, :2, 0] = coarse
        logits = model(inputs_of(model, codes), plan=plan).log_softmax(dim=-1)
        fine = logits.gather(2, codes[..., None]).sum(dim=(1, 2))
        state = model.state_ahead(inputs_of(model, codes)[:, :1], labels=None)
        joint.append(fine + model.coarse(state, plan[:, 0, :1]).log_softmax(dim=-1)[:, 0, coarse])
    shares = torch.stack(joint, dim=1).double()

    assert shares.exp().sum().item() == pytest.approx(1, rel=1e-5)
    torch.testing.assert_close(-nats, shares.gather(1, own[:, 0, :1])[:, 0], rtol=1e-5, atol=1e-5)
    assert (-nats).exp().sum() < 1
    assert (nats >= -shares.logsumexp(dim=1) - 1e-6).all()


def test_bars_that_are_not_whole_have_no_plan_and_cost_nothing_more() -> None:
    model, codes = tiny(), torch.randint(8, (1, 18))
    mask = torch.arange(18)[None] < 9  # three quarters: a bar and a half
    short = model.nats(inputs_of(model, codes)[:, :9], codes[:, :9], mask=mask[:, :9])

    torch.testing.assert_close(model.nats(inputs_of(model, codes), codes, mask=mask), short)
    one = torch.arange(18)[None] < 3
    plain = model(inputs_of(model, codes)[:, :3]).log_softmax(dim=-1).gather(2, codes[:, :3, None]).mean()
    torch.testing.assert_close(model.nats(inputs_of(model, codes), codes, mask=one), -plain)
    assert math.isnan(model.nats(inputs_of(model, codes), codes, mask=one & False).detach())


def test_training_leaves_the_autoencoder_of_bars_as_it_is_and_overfits_a_batch() -> None:
    model = tiny().train()
    model.plan_dropout = 0.0
    before = {name: value.clone() for name, value in model.bars.state_dict().items()}
    codes = torch.randint(8, (4, 18), generator=torch.Generator().manual_seed(0))
    inputs = inputs_of(model, codes)
    inputs[:, 0] = torch.arange(4)  # four beginnings, so that nothing is left to chance
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-2)
    for _ in range(200):
        loss = model.nats(inputs, codes, mask=torch.ones_like(codes, dtype=torch.bool))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    assert loss.item() < 0.1
    for name, value in model.bars.state_dict().items():
        assert torch.equal(value, before[name])


def test_a_context_without_a_bar_is_refused() -> None:
    with pytest.raises(ValueError, match=r"context_quarters=6 holds no bar of 8 quarters; use windows"):
        tiny(bar=8)
