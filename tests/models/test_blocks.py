import pytest
import torch

from musicgen.models.convolutions import Decoder, Encoder, ResidualStack, Strides

SIZES = {"num_hiddens": 8, "num_residual_layers": 1, "num_residual_hiddens": 4, "embedding_dim": 8}
BACHSFORMER = Strides.of([[2, 2], [2, 2], [2, 2]])


@pytest.mark.parametrize("channels", [1, 2])
def test_encoder_and_decoder_mirror_each_other(channels: int) -> None:
    slices = torch.rand(3, channels, 88, 32)

    latents = Encoder(channels=channels, strides=BACHSFORMER, **SIZES)(slices)
    logits = Decoder(maps=channels, strides=BACHSFORMER, **SIZES)(latents)

    assert latents.shape == (3, 8, 8, 2)
    assert logits.shape == slices.shape


def test_decoder_takes_embeddings_of_another_width() -> None:
    decoder = Decoder(maps=1, strides=BACHSFORMER, **{**SIZES, "embedding_dim": 5})

    assert decoder(torch.rand(2, 5, 8, 2)).shape == (2, 1, 88, 32)


def test_residual_stack_without_layers_only_rectifies() -> None:
    hidden = torch.randn(2, 4, 8, 2)

    stack = ResidualStack(4, num_layers=0, num_residual_hiddens=1)

    assert torch.equal(stack(hidden), hidden.clamp(min=0))


def test_nothing_is_changed_in_place() -> None:
    slices, latents = torch.randn(2, 1, 88, 32), torch.randn(2, 8, 8, 2)
    kept = slices.clone(), latents.clone()

    Encoder(channels=1, strides=BACHSFORMER, **SIZES)(slices)
    Decoder(maps=1, strides=BACHSFORMER, **SIZES)(latents)

    assert torch.equal(slices, kept[0])
    assert torch.equal(latents, kept[1])


@pytest.mark.parametrize(
    ("ticks", "strides", "width"),
    [
        (32, (2, 2, 2), 2),
        (24, (3, 2, 1), 2),
        (16, (2, 2, 1), 2),
        (12, (3, 1, 1), 2),
        (8, (2, 1, 1), 2),
        (32, (2, 2, 1), 6),
    ],
)
def test_every_grid_of_ticks_has_strides_that_meet_it(ticks: int, strides: tuple, width: int) -> None:
    steps = Strides.of([(2, step) for step in strides])
    slices = torch.rand(2, 1, 88, ticks)

    latents = Encoder(channels=1, strides=steps, **SIZES)(slices)
    maps = Decoder(maps=3, strides=steps, **SIZES)(latents)

    assert latents.shape == (2, 8, *steps.latent_grid((88, ticks))) == (2, 8, 8, width)
    assert maps.shape == (2, 3, 88, ticks)


@pytest.mark.parametrize(
    ("shape", "strides", "said"),
    [
        ((88, 12), [[2, 2]] * 3, r"strides of \[2, 2, 2\] do not meet 12 ticks.*2, 2, 1 for 16"),
        ((88, 32), [[2, 2], [2, 2], [2, 4]], "do not meet 32 ticks"),
        ((87, 32), [[2, 2]] * 3, "do not meet 87 pitches"),
        ((88, 32), [[2, 2]], "use three pairs"),
        ((88, 32), [[2, 0]] * 3, "of 1 or more"),
    ],
)
def test_strides_that_do_not_meet_the_slice_are_refused_with_those_that_do(shape, strides, said) -> None:
    with pytest.raises(ValueError, match=said):
        Strides.of(strides).latent_grid(shape)
