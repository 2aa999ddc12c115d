import pytest
import torch

from musicgen.models.bottlenecks.codebook import VectorQuantizer
from musicgen.models.convolutional import ConvolutionalAutoencoder
from musicgen.models.noise import CellNoise


def test_cells_are_dropped_and_added_as_often_as_asked_for() -> None:
    torch.manual_seed(0)
    slices = (torch.rand(20, 1, 88, 32) < 0.3).float()
    noisy = CellNoise(drop=0.2, add=0.01)(slices)
    assert noisy[slices == 1].mean().item() == pytest.approx(0.8, abs=0.01)
    assert noisy[slices == 0].mean().item() == pytest.approx(0.01, abs=0.003)


def test_evaluation_has_no_noise() -> None:
    slices = (torch.rand(2, 1, 88, 32) < 0.3).float()
    assert torch.equal(CellNoise().eval()(slices), slices)


def test_an_autoencoder_reconstructs_the_music_not_the_noise() -> None:
    torch.manual_seed(0)
    codebook = VectorQuantizer(num_embeddings=4, embedding_dim=8)
    model = ConvolutionalAutoencoder(
        codebook, num_hiddens=8, num_residual_hiddens=4, noise=CellNoise(drop=0.9)
    )
    slices, seen = (torch.rand(4, 1, 88, 32) < 0.3).float(), {}
    model.encoder.register_forward_pre_hook(lambda _, inputs: seen.update(slices=inputs[0]))
    model(slices)
    assert seen["slices"].sum() < 0.5 * slices.sum()
    model.eval()(slices)
    assert torch.equal(seen["slices"], slices)


def test_some_training_slices_are_decoded_without_latents() -> None:
    torch.manual_seed(0)
    codebook = VectorQuantizer(num_embeddings=4, embedding_dim=8)
    model = ConvolutionalAutoencoder(codebook, num_hiddens=8, num_residual_hiddens=4, null_share=0.5)
    slices = (torch.rand(16, 1, 88, 32) < 0.3).float()
    maps, without = model(slices).maps, model.maps_without_latents()
    assert without is not None
    is_null = (maps - without).abs().amax(dim=(1, 2, 3)) < 1e-5
    assert 2 <= is_null.sum() <= 14
    maps.sum().backward()
    assert model.null_latent.grad.abs().sum() > 0
    assert ((model.eval()(slices).maps - without).abs().amax(dim=(1, 2, 3)) > 1e-5).all()
    plain = ConvolutionalAutoencoder(VectorQuantizer(embedding_dim=8), num_hiddens=8)
    assert plain.maps_without_latents() is None
    with pytest.raises(ValueError, match="null_share=1"):
        ConvolutionalAutoencoder(VectorQuantizer(embedding_dim=8), num_hiddens=8, null_share=1.0)


def test_shares_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="drop=1"):
        CellNoise(drop=1.0)
