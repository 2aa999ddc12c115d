import pytest
import torch

from musicgen.models.blocks import Decoder, Encoder, ResidualStack

SIZES = {"num_hiddens": 8, "num_residual_layers": 1, "num_residual_hiddens": 4, "embedding_dim": 8}


@pytest.mark.parametrize("channels", [1, 2])
def test_encoder_and_decoder_mirror_each_other(channels: int) -> None:
    slices = torch.rand(3, channels, 88, 32)

    latents = Encoder(channels=channels, **SIZES)(slices)
    logits = Decoder(channels=channels, **SIZES)(latents)

    assert latents.shape == (3, 8, 8, 2)
    assert logits.shape == slices.shape


def test_decoder_takes_embeddings_of_another_width() -> None:
    decoder = Decoder(channels=1, **{**SIZES, "embedding_dim": 5})

    assert decoder(torch.rand(2, 5, 8, 2)).shape == (2, 1, 88, 32)


def test_residual_stack_without_layers_only_rectifies() -> None:
    hidden = torch.randn(2, 4, 8, 2)

    stack = ResidualStack(4, num_layers=0, num_residual_hiddens=1)

    assert torch.equal(stack(hidden), hidden.clamp(min=0))


def test_nothing_is_changed_in_place() -> None:
    slices, latents = torch.randn(2, 1, 88, 32), torch.randn(2, 8, 8, 2)
    kept = slices.clone(), latents.clone()

    Encoder(channels=1, **SIZES)(slices)
    Decoder(channels=1, **SIZES)(latents)

    assert torch.equal(slices, kept[0])
    assert torch.equal(latents, kept[1])
