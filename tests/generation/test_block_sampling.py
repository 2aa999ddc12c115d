"""Sampling with seams: what is kept, what begins the next block, and that it is no longer than asked for."""

import pytest
import torch

from musicgen.generation.block_sampling import BlockSampling
from musicgen.generation.sampling import DrawRequest, Sampling
from musicgen.models.bottlenecks.base import Vocabulary
from musicgen.models.priors.flat import Transformer

POSITIONS = 2


@pytest.fixture
def counter() -> Transformer:
    """Give a transformer that is sure of the next code: one more than the last, modulo 12."""
    prior = Transformer(
        vocabulary=Vocabulary(POSITIONS, 1, 12),
        num_layers=1,
        num_heads=1,
        width=12,
        context_quarters=32,
        dropout=0.0,
    )
    with torch.no_grad():
        for parameter in prior.parameters():
            parameter.zero_()
        prior.code_embedding.weight[:12] = torch.eye(12) * 10
        prior.final_norm.weight.fill_(10.0)
        prior.head.weight.copy_(torch.eye(12).roll(1, dims=0) * 10)
    return prior.eval()


def draw(sampling: Sampling, prior: Transformer, quarters: int, prompt: torch.Tensor | None) -> list[int]:
    request = DrawRequest(quarters, torch.Generator().manual_seed(0), prompt=prompt)
    codes = sampling.draw(prior, request)
    return codes[0].tolist()


def test_each_block_begins_with_the_last_quarter_of_the_one_before_and_keeps_its_front(counter):
    sampling = BlockSampling(top_k=1, block_quarters=5, kept_quarters=3)
    codes = draw(sampling, counter, 7, torch.tensor([[4, 5]]))
    first = [(4 + n) % 12 for n in range(10)]  # what the first block draws: five quarters from the prompt's
    second = [(first[8] + n) % 12 for n in range(10)]  # the second, from its last quarter
    third = [(second[8] + n) % 12 for n in range(10)]
    assert codes == [*first[:6], *second[:6], *third[:2]]


def test_without_seams_the_same_prompt_is_simply_continued(counter):
    codes = draw(Sampling(top_k=1), counter, 7, torch.tensor([[4, 5]]))
    assert codes == [(4 + n) % 12 for n in range(14)]


def test_a_long_prompt_is_kept_whole(counter):
    prompt = torch.tensor([[0, 1, 2, 3, 4, 5]])
    codes = draw(BlockSampling(top_k=1, block_quarters=4, kept_quarters=2), counter, 5, prompt)
    assert codes[:6] == [0, 1, 2, 3, 4, 5]
    assert len(codes) == 10


def test_without_a_prompt_a_piece_has_the_length_asked_for(counter):
    assert len(draw(BlockSampling(block_quarters=4, kept_quarters=3), counter, 11, None)) == 22


@pytest.mark.parametrize(("block", "kept"), [(8, 8), (8, 9), (8, 1), (2, 2)])
def test_blocks_without_a_seam_are_refused(block: int, kept: int):
    with pytest.raises(ValueError, match="kept_quarters"):
        BlockSampling(block_quarters=block, kept_quarters=kept)
