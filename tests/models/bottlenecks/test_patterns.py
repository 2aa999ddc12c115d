"""The order of codes: written out by hand, undone by the decoder, told apart by checkpoints and priors."""

import pytest
import torch

from musicgen.checkpoint import fingerprint
from musicgen.config.build import build
from musicgen.models.bottlenecks.base import CodePattern, Vocabulary
from musicgen.models.bottlenecks.patterns import CoarseFirstPattern, DelayPattern, FlatPattern
from musicgen.models.bottlenecks.residual import ResidualQuantizer
from musicgen.models.pitch_network import PitchAutoencoder
from musicgen.models.priors.flat import Transformer

PATTERNS = [FlatPattern(), CoarseFirstPattern(), DelayPattern()]


def autoencoder(pattern: CodePattern | None) -> PitchAutoencoder:
    torch.manual_seed(0)
    codes = ResidualQuantizer(levels=2, num_embeddings=8, embedding_dim=8)
    return PitchAutoencoder(codes, num_hiddens=8, num_residual_hiddens=8, pattern=pattern).eval()


@pytest.mark.parametrize(
    ("pattern", "places"),  # position and codebook
    [
        (FlatPattern(), ["00", "01", "10", "11", "20", "21"]),
        (CoarseFirstPattern(), ["00", "10", "20", "01", "11", "21"]),
        (DelayPattern(), ["00", "10", "01", "20", "11", "21"]),
    ],
)
def test_an_order_by_hand(pattern: CodePattern, places: list[str]) -> None:
    order = pattern.order(positions=3, codebooks=2)
    assert [f"{code // 2}{code % 2}" for code in order] == places
    assert Vocabulary(3, 2, 8, order=tuple(order)).codebook_of == [int(place[1]) for place in places]
    assert pattern.order(positions=4, codebooks=1) == [0, 1, 2, 3]


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda one: type(one).__name__)
def test_an_order_changes_the_codes_places_and_not_the_music(pattern: CodePattern) -> None:
    plain, ordered = autoencoder(None), autoencoder(pattern)
    slices = (torch.rand(5, plain.channels, 88, 8) < 0.1).float()
    codes, expected = ordered.encode(slices), plain.encode(slices)
    assert ordered.vocabulary is not None
    assert torch.equal(codes, expected[:, list(pattern.order(positions=11, codebooks=2))])
    assert torch.equal(ordered(slices).codes, codes)
    assert torch.equal(ordered.decode(codes), plain.decode(expected))
    assert (fingerprint(ordered) == fingerprint(plain)) == isinstance(pattern, FlatPattern)
    assert build(ordered.vocabulary.config()) == ordered.vocabulary


def test_a_prior_tells_codebooks_apart_in_any_order() -> None:
    vocabulary = Vocabulary(2, 2, 3, order=tuple(CoarseFirstPattern().order(positions=2, codebooks=2)))
    prior = Transformer(vocabulary=vocabulary, width=8)
    start = torch.tensor([[3, 1, 1, 1, 1, 2, 2, 2, 2]])
    assert prior.input_numbers(start, past=0).tolist() == [[6, 1, 1, 4, 4, 2, 2, 5, 5]]
    assert prior.input_numbers(start[:, 4:], past=4).tolist() == [[4, 2, 2, 5, 5]]


def test_an_order_names_each_code_once() -> None:
    with pytest.raises(ValueError, match="does not name each of 4 codes once"):
        Vocabulary(2, 2, 8, order=(0, 1, 2, 2))
    assert Vocabulary(2, 2, 8, order=(0, 1, 2, 3)) == Vocabulary(2, 2, 8)
