import copy

import pytest
import torch

from musicgen.generation.drawing.choosing import (
    Chooser,
    keep_min_p,
    keep_rest_p,
    keep_top_k,
    keep_top_p,
    penalise,
)
from musicgen.generation.sampling import DrawRequest, Reader, Sampling
from musicgen.models.bottlenecks.base import Vocabulary
from musicgen.models.priors.flat import Transformer
from tests.generation.uncached import uncached

NO = float("-inf")


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def tiny(*, start_token: bool = True, max_positions: int = 24, num_embeddings: int = 8) -> Transformer:
    torch.manual_seed(0)
    model = Transformer(
        vocabulary=Vocabulary(4, 1, num_embeddings),
        num_layers=2,
        num_heads=2,
        width=16,
        max_positions=max_positions,
        dropout=0.5,
        start_token=start_token,
    )
    for parameter in model.parameters():
        parameter.data += 0.3 * torch.randn_like(parameter)
    return model


def sample_codes(
    prior: Transformer,
    *,
    num_quarters: int,
    generator: torch.Generator,
    batch: int = 1,
    prompt: torch.Tensor | None = None,
    **settings,
) -> torch.Tensor:
    request = DrawRequest(num_quarters=num_quarters, generator=generator, batch=batch, prompt=prompt)
    return Sampling(**settings).draw(prior, request)


def test_top_k_keeps_the_k_likeliest() -> None:
    logits = torch.tensor([[1.0, 4.0, 2.0, 3.0], [0.0, 0.0, -1.0, 5.0]])

    assert keep_top_k(logits, top_k=2).tolist() == [[NO, 4.0, NO, 3.0], [0.0, 0.0, NO, 5.0]]


@pytest.mark.parametrize(
    ("top_p", "kept"),
    [(0.5, [0]), (0.51, [0, 1]), (0.79, [0, 1]), (0.81, [0, 1, 2]), (1.0, [0, 1, 2, 3]), (0.01, [0])],
)
def test_top_p_keeps_the_fewest_that_reach_the_share(top_p, kept) -> None:
    shares = torch.tensor([[0.5, 0.3, 0.15, 0.05]], dtype=torch.float64)
    order = torch.tensor([2, 0, 3, 1])

    filtered = keep_top_p(shares.log()[:, order], top_p=top_p)

    assert sorted(order[filtered[0] > NO].tolist()) == kept


def test_top_p_is_a_share_at_the_temperature() -> None:
    logits = torch.tensor([[0.6, 0.4]]).log()

    assert (keep_top_p(logits, top_p=0.65) > NO).sum() == 2  # .6 and .4
    assert (keep_top_p(logits, top_p=0.65, temperature=0.5) > NO).sum() == 1  # .36 and .16 of .52


@pytest.mark.parametrize(
    ("rest_p", "shares"),
    [(0.5, [0.9, 0.1, 0, 0]), (0.7, [0.9, 0.0667, 0.0333, 0]), (1.0, [0.9, 0.06, 0.03, 0.01])],
)
def test_rest_p_leaves_the_likeliest_code_its_share_and_the_rest_theirs(rest_p, shares) -> None:
    order = torch.tensor([2, 0, 3, 1])
    logits = torch.tensor([[0.9, 0.06, 0.03, 0.01]]).log()[:, order]
    logits = torch.cat([logits, torch.tensor([[NO]])], dim=1)

    kept = keep_rest_p(logits, rest_p=rest_p).softmax(dim=-1)

    expected = torch.tensor([[*shares, 0.0]])[:, [*order.tolist(), 4]]
    torch.testing.assert_close(kept, expected, atol=1e-4, rtol=0)


def test_rest_p_gives_way_to_top_p() -> None:
    logits = torch.tensor([[0.9, 0.06, 0.03, 0.01]]).log().expand(4000, -1)
    choosers = (
        (Chooser(top_p=0.85, rest_p=0.5), 1),
        (Chooser(top_p=1.0, rest_p=0.5), 4),
        (Chooser(rest_p=0.5), 2),
    )
    for chooser, most in choosers:
        noises = chooser.noises((1, 4), generators=[seeded(row) for row in range(4000)], device=logits.device)
        assert len(set(chooser.choose(logits, next(noises)).tolist())) == most


def test_rest_p_is_a_share_at_the_temperature_and_may_find_nothing_left() -> None:
    logits = torch.tensor([[0.6, 0.3, 0.1], [1.0, 0.0, 0.0]]).log()

    kept = keep_rest_p(logits, rest_p=0.8, temperature=0.5)

    shares = (logits / 0.5).softmax(dim=-1)
    torch.testing.assert_close((kept / 0.5).softmax(dim=-1)[:, 0], shares[:, 0])
    assert kept[0].isfinite().sum() == 2  # .9 of the squares of .3 and .1
    assert kept[1].tolist() == [0.0, NO, NO]


@pytest.mark.parametrize(("min_p", "kept"), [(0.09, 4), (0.11, 3), (0.5, 2), (0.61, 1), (1.0, 1)])
def test_min_p_keeps_what_reaches_a_part_of_the_largest_share(min_p, kept) -> None:
    logits = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).log()

    assert (keep_min_p(logits, min_p=min_p) > NO).sum() == kept


def test_min_p_is_a_part_at_the_temperature() -> None:
    logits = torch.tensor([[0.8, 0.2]]).log()

    assert (keep_min_p(logits, min_p=0.3) > NO).sum() == 1  # a quarter of the largest share
    assert (keep_min_p(logits, min_p=0.3, temperature=2.0) > NO).sum() == 2  # one half


def test_a_penalty_divides_the_likelihood_of_recent_codes_once() -> None:
    shares = torch.tensor([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]])
    heard = torch.tensor([[0, 0, 0], [1, 2, 1]])

    after = penalise(shares.log() + 7, heard, penalty=2.0).sub(7).exp()

    torch.testing.assert_close(after, torch.tensor([[0.25, 0.3, 0.2], [0.5, 0.15, 0.1]]))
    assert torch.equal(penalise(shares.log(), heard[:, :0], penalty=2.0), shares.log())


def repeats(codes: torch.Tensor) -> float:
    """Measure how often a code is that at the same place of the quarter before."""
    quarters = codes.view(len(codes), -1, 4)
    return float((quarters[:, 1:] == quarters[:, :-1]).float().mean())


def test_a_penalty_means_fewer_repetitions_and_a_reward_as_more() -> None:
    found = [
        repeats(
            sample_codes(
                tiny(), num_quarters=30, batch=16, generator=seeded(0), top_k=None, repetition_penalty=penalty
            )
        )
        for penalty in (0.2, 1.0, 5.0)
    ]

    assert found[0] > found[1] + 0.1 > found[2] + 0.15


@pytest.mark.parametrize("start_token", [True, False])
def test_a_code_that_was_at_its_place_lately_does_not_come_again(start_token: bool) -> None:
    codes = sample_codes(
        tiny(start_token=start_token),
        num_quarters=40,
        batch=4,
        generator=seeded(0),
        top_k=None,
        repetition_penalty=1e9,
        repetition_quarters=3,
    )

    quarters = codes.view(4, -1, 4)
    for back in (1, 2, 3):
        assert not (quarters[:, back:] == quarters[:, :-back]).any()
    assert (quarters[:, 4:] == quarters[:, :-4]).any()  # further back is not listened to


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_codes_are_drawn_from_the_softmax_at_the_temperature(temperature) -> None:
    logits = torch.tensor([[0.0, 1.0, 2.0, -1.0]]).expand(200_000, -1)
    chooser = Chooser(temperature=temperature, top_k=3)
    noises = chooser.noises((len(logits), 4), generators=[seeded(0)], device=logits.device)
    noise = torch.cat([next(noises) for _ in range(len(logits))])

    counts = torch.bincount(chooser.choose(logits, noise), minlength=4)

    expected = torch.tensor([0.0, 1.0, 2.0, NO]).div(temperature).softmax(dim=0)
    torch.testing.assert_close(counts / 200_000, expected, rtol=0, atol=0.005)


@pytest.mark.parametrize(("start_token", "prompt_quarters"), [(True, 0), (False, 1), (True, 9)])
@pytest.mark.parametrize(
    "settings", [{}, {"temperature": 0.0}, {"top_k": 3, "top_p": 0.8, "repetition_penalty": 2.0}]
)
def test_cached_codes_are_the_uncached_ones_over_many_slides(start_token, prompt_quarters, settings) -> None:
    transformer = tiny(start_token=start_token)
    prompt = torch.randint(8, (2, prompt_quarters * 4)) if prompt_quarters else None

    codes = [
        sample_codes(
            prior,
            num_quarters=16,
            hop_quarters=2,
            batch=2,
            prompt=prompt,
            generator=seeded(3),
            **settings,
        )
        for prior in (transformer, uncached(copy.deepcopy(transformer)))
    ]

    assert codes[0].shape == (2, 64)
    assert torch.equal(codes[0], codes[1])


def test_cached_logits_are_the_uncached_ones_at_every_position() -> None:
    transformer = tiny().eval()
    streams = torch.randint(8, (2, 60))
    readers = [Reader(prior, batch=2) for prior in (transformer, uncached(copy.deepcopy(transformer)))]

    for length in range(1, 60):
        begin = max(0, (length - 24 + 7) // 8 * 8)
        cached, whole = (reader.next_logits(streams[:, :length], begin) for reader in readers)
        torch.testing.assert_close(cached, whole, rtol=1e-4, atol=1e-5)


def test_the_prompt_is_kept_and_continued() -> None:
    transformer = tiny()
    prompt = torch.randint(8, (3, 8))

    codes = sample_codes(transformer, num_quarters=5, prompt=prompt, generator=seeded(0))

    assert codes.shape == (3, 20)
    assert torch.equal(codes[:, :8], prompt)


def test_one_prompt_serves_all_pieces() -> None:
    prompt = torch.randint(8, (1, 4))

    codes = sample_codes(tiny(), num_quarters=9, prompt=prompt, batch=5, generator=seeded(0))

    assert torch.equal(codes[:, :4], prompt.expand(5, -1))
    assert len(torch.unique(codes, dim=0)) == 5


def test_a_piece_continued_greedily_is_the_piece_written_at_once() -> None:
    """Where a piece is cut for a prompt leaves no trace: there are no seams."""
    settings = {"hop_quarters": 2, "temperature": 0.0}
    transformer = tiny()
    whole = sample_codes(transformer, num_quarters=25, generator=seeded(0), **settings)

    for quarters in (1, 5, 6, 13):
        prompt = whole[:, : quarters * 4]
        continued = sample_codes(transformer, num_quarters=25, prompt=prompt, generator=seeded(1), **settings)
        assert torch.equal(continued, whole)


def test_a_code_follows_from_what_is_kept_and_from_nothing_older() -> None:
    settings = {"num_quarters": 9, "hop_quarters": 2, "temperature": 0.0}
    transformer = tiny(start_token=False)
    prompt = torch.randint(8, (1, 32), generator=seeded(0))
    codes = sample_codes(transformer, prompt=prompt, generator=seeded(0), **settings)
    changed = prompt.clone()
    changed[:, :8] = (
        changed[:, :8] + 1
    ) % 8  # let go: 33 codes need 24 positions from the 16th on, hops of 8

    older = sample_codes(transformer, prompt=changed, generator=seeded(0), **settings)

    assert torch.equal(older[:, 32:], codes[:, 32:])


def test_the_first_code_without_a_start_token_is_any_code() -> None:
    codes = sample_codes(tiny(start_token=False), num_quarters=1, batch=4000, generator=seeded(0))

    counts = torch.bincount(codes[:, 0], minlength=8)
    assert counts.min() > 400
    assert counts.max() < 600


def test_same_seed_same_codes_and_other_seed_other_codes() -> None:
    def sample(seed: int) -> torch.Tensor:
        return sample_codes(tiny(), num_quarters=8, batch=3, generator=seeded(seed))

    assert torch.equal(sample(0), sample(0))
    assert not torch.equal(sample(0), sample(1))


@pytest.mark.parametrize("start_token", [True, False])
def test_a_row_does_not_depend_on_how_many_there_are(start_token: bool) -> None:
    def sample(batch: int) -> torch.Tensor:
        model = tiny(start_token=start_token)
        return sample_codes(model, num_quarters=8, batch=batch, generator=seeded(3))

    seven = sample(7)
    assert torch.equal(sample(1), seven[:1])
    assert torch.equal(sample(3), seven[:3])
    assert len(torch.unique(seven, dim=0)) == 7


def test_every_code_can_come() -> None:
    codes = sample_codes(
        tiny(num_embeddings=32, max_positions=64),
        num_quarters=20,
        batch=50,
        top_k=None,
        temperature=5.0,
        generator=seeded(0),
    )

    assert torch.bincount(codes.flatten(), minlength=32).min() > 0


def test_top_k_of_one_is_greedy() -> None:
    greedy, likeliest = (
        sample_codes(tiny(), num_quarters=6, generator=seeded(seed), **settings)
        for seed, settings in ((0, {"temperature": 0.0}), (1, {"top_k": 1}))
    )

    assert torch.equal(greedy, likeliest)


def test_sampling_leaves_the_transformer_as_it_was() -> None:
    transformer = tiny().train()
    state = torch.get_rng_state()

    codes = sample_codes(transformer, num_quarters=2, generator=seeded(0))

    assert transformer.training
    assert torch.equal(torch.get_rng_state(), state)
    assert not codes.is_inference()
    transformer(codes[:, :8]).sum().backward()  # codes may serve training


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"temperature": -0.1}, "temperature=-0.1; use 0"),
        ({"temperature": float("nan")}, "temperature=nan; use 0"),
        ({"top_k": 0}, "top_k=0 leaves no code; use 1"),
        ({"top_p": 0.0}, "top_p=0.0 is not a share"),
        ({"top_p": 1.1}, "top_p=1.1 is not a share"),
        ({"rest_p": 0.0}, "rest_p=0.0 is not a share"),
        ({"min_p": 0.0}, "min_p=0.0 is not a share"),
        ({"repetition_penalty": 0.0}, "repetition_penalty=0.0; use above 1"),
        ({"repetition_quarters": 0}, "repetition_quarters=0 sees nothing"),
        ({"num_quarters": 0}, "num_quarters=0 makes no piece"),
        ({"batch": 0}, "batch=0 makes no piece"),
        ({"hop_quarters": 0}, "hop_quarters=0 drops nothing; use 1"),
        ({"hop_quarters": 7}, "hop_quarters=7 does not fit max_positions=24; use 1 to 6"),
        ({"prompt": torch.zeros(1, 6, dtype=torch.int64)}, r"prompt has shape \(1, 6\)"),
        ({"prompt": torch.zeros(1, 32, dtype=torch.int64)}, "after a prompt of 8 quarters; use 9 or more"),
        ({"prompt": torch.full((1, 4), 8)}, "prompt has codes from 8 to 8.*knows 0 to 7"),
        ({"prompt": torch.zeros(2, 4, dtype=torch.int64), "batch": 3}, "prompt has 2 rows for batch=3"),
    ],
)
def test_settings_out_of_range_are_refused(settings, said) -> None:
    with pytest.raises(ValueError, match=said):
        sample_codes(tiny(), **{"num_quarters": 8, "generator": seeded(0), **settings})
