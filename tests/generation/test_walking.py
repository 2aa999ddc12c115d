"""A walk begins and ends with what the autoencoder makes of its ends, and keeps to its way between."""

import numpy as np
import pytest
import torch

from musicgen.data.batches.slices import SliceBatch
from musicgen.generation.tokenize import decode_codes, encode_packed
from musicgen.generation.walking import turned, walk
from musicgen.models.autoencoder import Autoencoder
from musicgen.models.bottlenecks.base import Bottleneck
from musicgen.models.bottlenecks.codebook import VectorQuantizer
from musicgen.models.bottlenecks.gaussian import GaussianBottleneck
from musicgen.models.bottlenecks.none import NoBottleneck
from musicgen.models.cells.three_state import ThreeStateCells
from musicgen.models.pitch_network import PitchAutoencoder
from musicgen.music.grid import to_packed
from tests.conftest import etude

PASSAGE = to_packed(etude(0, num_quarters=4), ticks=8)
OTHER = to_packed(etude(1, num_quarters=4), ticks=8)


def untrained(bottleneck: Bottleneck) -> Autoencoder:
    """Build a small autoencoder whose decoder answers other latents with other notes."""
    model = PitchAutoencoder(bottleneck, cells=ThreeStateCells(), num_hiddens=16, num_residual_hiddens=8)
    with torch.no_grad():
        for parameter in model.decoder.parameters():
            parameter.mul_(3)
    model(torch.cat([model_input(model, PASSAGE), model_input(model, OTHER)]))  # a codebook starts
    return model.eval()


def model_input(model: Autoencoder, packed: np.ndarray) -> torch.Tensor:
    return SliceBatch.of_piece(packed, channels=model.channels, layout=model.layout).slices


def test_with_codes_the_ends_are_the_decoded_codes() -> None:
    model = untrained(VectorQuantizer(num_embeddings=16, embedding_dim=16))
    steps = walk(model, PASSAGE, OTHER, steps=5, way="straight")
    for step, passage in ((steps[0], PASSAGE), (steps[-1], OTHER)):
        codes = torch.from_numpy(encode_packed(model, passage))
        np.testing.assert_array_equal(step, decode_codes(model, codes).packed)
        assert step.any()
    assert len(steps) == 5
    assert not np.array_equal(steps[0], steps[-1])


@pytest.mark.parametrize(
    ("bottleneck", "way"),
    [
        (NoBottleneck(embedding_dim=16), "straight"),
        (GaussianBottleneck(embedding_dim=16, beta=0.0), "spherical"),
    ],
)
def test_without_codes_the_ends_are_the_reconstructions(bottleneck: Bottleneck, way: str) -> None:
    model = untrained(bottleneck)
    steps = walk(model, PASSAGE, OTHER, steps=3, way=way)
    for step, passage in ((steps[0], PASSAGE), (steps[-1], OTHER)):
        maps = model(model_input(model, passage)).maps.detach()
        np.testing.assert_array_equal(step, model.cells.draw(model.cells.evidence(maps)).packed)
        assert step.any()
    backwards = walk(model, OTHER, PASSAGE, steps=3, way=way)
    np.testing.assert_array_equal(backwards[1], steps[1])


def test_a_spherical_way_keeps_the_length_and_is_cut_into_equal_angles() -> None:
    first, last = torch.randn(2, 3, 200, 4, 1)
    first, last = (10 * one / one.flatten(1).norm(dim=1)[:, None, None, None] for one in (first, last))
    steps = torch.stack([turned(first, last, share) for share in (0.0, 0.25, 0.5, 0.75, 1.0)])
    torch.testing.assert_close(steps[0], first)
    torch.testing.assert_close(steps[-1], last)
    torch.testing.assert_close(steps.flatten(2).norm(dim=2), torch.full((5, 3), 10.0))
    chords = steps.diff(dim=0).flatten(2).norm(dim=2)
    torch.testing.assert_close(chords, chords[:1].expand(4, -1))
    assert torch.lerp(first, last, 0.5).flatten(1).norm(dim=1).max() < 9
    torch.testing.assert_close(turned(first, first, 0.5), first)


@pytest.mark.parametrize(
    ("end", "settings", "said"),
    [
        (OTHER, {"steps": 1}, "steps=1; use 2 or more"),
        (OTHER[:2], {}, "passages of 4 and 2 quarters"),
        (OTHER, {"way": "round"}, "way=round; use straight or spherical"),
    ],
)
def test_ways_that_cannot_be_gone_are_refused(end: np.ndarray, settings: dict, said: str) -> None:
    model = PitchAutoencoder(NoBottleneck(embedding_dim=8), cells=ThreeStateCells(), num_hiddens=8)
    with pytest.raises(ValueError, match=said):
        walk(model, PASSAGE, end, **{"steps": 3, "way": "straight", **settings})
