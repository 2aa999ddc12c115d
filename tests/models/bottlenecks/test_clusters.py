"""K-means centres as codes: they are the means of what they stand for, and nothing moves them later."""

import pytest
import torch

from musicgen.models.bottlenecks.base import Bottleneck
from musicgen.models.bottlenecks.clusters import ClusteredLatents
from musicgen.models.bottlenecks.gaussian import GaussianBottleneck
from musicgen.models.bottlenecks.none import NoBottleneck
from musicgen.models.bottlenecks.sparse import SparseBottleneck
from musicgen.models.convolutional import ConvolutionalAutoencoder


def clustered(of: Bottleneck | None = None, *, num_embeddings: int = 4, seed: int = 0) -> ClusteredLatents:
    of = of or NoBottleneck(embedding_dim=2)
    return ClusteredLatents(of=of, num_embeddings=num_embeddings, seed=seed).eval()


def test_centres_of_separate_clouds_are_their_means() -> None:
    clouds = torch.tensor([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0], [9.0, 9.0]])
    latents = (clouds[:, None] + 0.1 * torch.randn(4, 50, 2)).reshape(-1, 2, 1, 1)
    bottleneck = clustered()
    kept = bottleneck.fit(latents)
    codes = bottleneck.encode(latents).view(4, 50)
    assert all(len(row.unique()) == 1 for row in codes)
    assert sorted(codes[:, 0].tolist()) == [0, 1, 2, 3]
    means = latents.view(4, 50, 2).mean(dim=1)
    torch.testing.assert_close(bottleneck.codebook[codes[:, 0]], means)
    within = (latents.view(4, 50, 2) - means[:, None]).square().sum()
    spread = latents.view(-1, 2).var(dim=0, correction=0).sum() * 200
    assert kept == pytest.approx(float(1 - within / spread))


def test_the_centres_it_ends_with_are_the_means_of_their_latents_whatever_the_start() -> None:
    latents = torch.randn(400, 3, 1, 1)
    kept = []
    for seed in range(2):
        bottleneck = clustered(NoBottleneck(embedding_dim=3), num_embeddings=8, seed=seed)
        one_move = bottleneck.fit(latents, iterations=1)
        kept.append(bottleneck.fit(latents, iterations=1000))
        assert kept[-1] > one_move
        codes = bottleneck.encode(latents).flatten()
        means = torch.stack([latents[codes == code].mean(dim=0).flatten() for code in range(8)])
        torch.testing.assert_close(bottleneck.codebook, means)
    assert kept[0] == pytest.approx(kept[1], abs=0.1)


def test_same_seed_same_centres() -> None:
    latents = torch.randn(100, 2, 1, 1)
    books = []
    for seed in (0, 0, 1):
        bottleneck = clustered(seed=seed)
        bottleneck.fit(latents)
        books.append(bottleneck.codebook)
    assert torch.equal(books[0], books[1])
    assert not torch.equal(books[0], books[2])


def test_more_centres_than_latents_keep_every_latent() -> None:
    latents = torch.randn(3, 2, 1, 1)
    bottleneck = clustered(num_embeddings=16)
    assert bottleneck.fit(latents) == pytest.approx(1.0)
    torch.testing.assert_close(bottleneck(latents).latents, latents)


def test_codes_are_of_what_the_bottleneck_inside_passes_on() -> None:
    encoded = torch.randn(64, 2, 1, 1)
    for of in (GaussianBottleneck(embedding_dim=2), SparseBottleneck(embedding_dim=2)):
        passed_on = of.eval()(encoded).latents.detach()
        bottleneck = clustered(of, num_embeddings=64)
        bottleneck.fit(passed_on)
        torch.testing.assert_close(bottleneck(encoded).latents, passed_on)


def test_training_moves_no_centre() -> None:
    bottleneck = clustered()
    bottleneck.fit(torch.randn(100, 2, 1, 1))
    before = bottleneck.codebook.clone()
    output = bottleneck.train()(torch.randn(100, 2, 1, 1))
    assert output.loss == 0
    assert torch.equal(bottleneck.codebook, before)


@pytest.mark.parametrize("is_clustered", [False, True])
def test_an_autoencoder_decodes_its_latents_as_it_reconstructs(is_clustered: bool) -> None:
    of = GaussianBottleneck(embedding_dim=8)
    model = ConvolutionalAutoencoder(
        clustered(of, num_embeddings=8) if is_clustered else of, num_hiddens=8, num_residual_hiddens=4
    ).eval()
    slices = (torch.rand(6, 1, 88, 32) < 0.05).float()
    if isinstance(model.bottleneck, ClusteredLatents):
        model.bottleneck.fit(of(model.latents(slices)).latents.detach())
        torch.testing.assert_close(model.decode_maps(model.encode(slices)), model(slices).maps)
    torch.testing.assert_close(model.decode_latents(model.latents(slices)), model(slices).maps)
