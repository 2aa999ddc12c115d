"""Directions between composers: found by reading, added while writing, gone afterwards."""

import numpy as np
import pytest
import torch

from musicgen.data.batches.codes import PieceCodes
from musicgen.generation.asking.steering import Directions, find_directions, steered
from musicgen.generation.sampling import DrawRequest, Sampling
from musicgen.models.bottlenecks.base import Vocabulary
from musicgen.models.priors.base import Prior
from musicgen.models.priors.flat import Transformer
from musicgen.models.priors.lstm import Lstm
from musicgen.models.priors.two_level import TwoLevelTransformer


def prior(kind: type[Prior]) -> Prior:
    torch.manual_seed(0)
    model = kind(vocabulary=Vocabulary(4, 1, 8), width=16, context_quarters=4)
    for parameter in model.parameters():
        parameter.data += 0.2 * torch.randn_like(parameter)
    return model.eval()


def pieces() -> tuple[PieceCodes, list[str]]:
    """Two pieces of low codes by Ada, two of high ones by Bea, and one of nobody."""
    random = np.random.default_rng(0)
    parts = [random.integers(low, low + 2, (9, 4)) for low in (0, 0, 6, 6, 3)]
    return PieceCodes(np.concatenate(parts), np.arange(6) * 9), ["Ada", "Ada", "Bea", "Bea", ""]


@pytest.mark.parametrize("kind", [Transformer, TwoLevelTransformer])
def test_directions_of_two_names_are_opposite_and_blend_by_shares(kind: type[Prior]) -> None:
    directions = find_directions(prior(kind), *pieces())
    assert directions.names == ("Ada", "Bea")
    torch.testing.assert_close(directions.vectors[0], -directions.vectors[1])
    assert directions.vectors.norm() > 0.01
    torch.testing.assert_close(directions.blend({"bea": 3, "Ada": 1}), directions.vectors[1] / 2)


@pytest.mark.parametrize("kind", [Transformer, TwoLevelTransformer])
def test_a_vector_changes_what_is_drawn_only_as_long_as_it_is_added(kind: type[Prior]) -> None:
    model = prior(kind)

    def drawn() -> list:
        request = DrawRequest(num_quarters=6, generator=torch.Generator().manual_seed(0), batch=2)
        return Sampling(top_k=None, hop_quarters=1).draw(model, request).tolist()

    plain, vector = drawn(), torch.randn(16) * 5
    with steered(model, vector, layer=0):
        assert drawn() != plain
    assert drawn() == plain
    with steered(model, torch.zeros(16), layer=0):
        assert drawn() == plain


def test_what_has_no_directions_is_refused() -> None:
    codes, names = pieces()
    with pytest.raises(ValueError, match="Lstm has no blocks"):
        find_directions(prior(Lstm), codes, names)
    with pytest.raises(ValueError, match="directions lie between composers"):
        find_directions(prior(Transformer), codes, ["Ada", "", "Ada", "", ""])
    directions = Directions(("Ada", "Bea"), torch.zeros(2, 4), 0)
    with pytest.raises(ValueError, match="shares are numbers above 0"):
        directions.blend({"Ada": 0})
