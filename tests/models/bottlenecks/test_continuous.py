"""Bottlenecks without codes: what they pass on, what they cost, and that they refuse to be discrete."""

import pytest
import torch

from musicgen.models.bottlenecks.base import Bottleneck
from musicgen.models.bottlenecks.gaussian import GaussianBottleneck
from musicgen.models.bottlenecks.none import NoBottleneck
from musicgen.models.bottlenecks.sparse import SparseBottleneck
from musicgen.models.convolutional import ConvolutionalAutoencoder

ALL = [
    NoBottleneck(embedding_dim=8),
    GaussianBottleneck(cells=2816, embedding_dim=8),
    SparseBottleneck(embedding_dim=8),
]


@pytest.mark.parametrize("bottleneck", ALL, ids=lambda one: type(one).__name__)
def test_an_autoencoder_trains_through_it_and_has_no_codes(bottleneck: Bottleneck) -> None:
    model = ConvolutionalAutoencoder(bottleneck, num_hiddens=8, num_residual_hiddens=4)
    slices = (torch.rand(2, 1, 88, 32) < 0.05).float()
    output = model(slices)
    (model.cells.loss(output.maps, slices).total + output.loss).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert output.codes is None
    assert model.vocabulary is None
    assert model.num_codes == 0
    with pytest.raises(ValueError, match="has no codes; use a bottleneck with codes"):
        model.encode(slices)


def test_the_divergence_is_that_of_the_formula_summed_over_latents_per_cell() -> None:
    torch.manual_seed(0)
    bottleneck = GaussianBottleneck(cells=100, embedding_dim=3, beta=0.5).eval()
    latents = torch.randn(2, 3, 8, 2)
    output = bottleneck(latents)
    mean, log_variance = bottleneck.to_parameters(latents).chunk(2, dim=1)
    prior = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
    posterior = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    expected = torch.distributions.kl_divergence(posterior, prior).sum(dim=(1, 2, 3)).mean()
    torch.testing.assert_close(output.metrics["kl"], expected)
    torch.testing.assert_close(output.loss, 0.5 * expected / 100)
    torch.testing.assert_close(output.latents, mean)  # no noise in evaluation
    bottleneck.train()
    assert not torch.equal(bottleneck(latents).latents, bottleneck(latents).latents)


def test_sparse_latents_are_rectified_and_cost_their_size() -> None:
    latents = torch.tensor([-2.0, 4.0]).view(1, 2, 1, 1)
    output = SparseBottleneck(embedding_dim=2, weight=0.1)(latents)
    assert output.latents.flatten().tolist() == [0, 4]
    assert output.loss.item() == pytest.approx(0.1 * 2)
    assert output.metrics["active"] == 0.5


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: NoBottleneck(embedding_dim=0), "embedding_dim=0"),
        (lambda: GaussianBottleneck(cells=4, beta=-1.0), "beta=-1.0 is negative"),
        (lambda: GaussianBottleneck(cells=0), "cells=0"),
        (lambda: SparseBottleneck(weight=-1.0), "weight=-1.0 is negative"),
    ],
)
def test_settings_out_of_range_are_refused(make, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make()
