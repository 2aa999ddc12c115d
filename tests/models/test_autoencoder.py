import itertools
from pathlib import Path

import jaxtyping
import pytest
import torch

from musicgen.models.bottlenecks.codebook import VectorQuantizer
from musicgen.models.bottlenecks.gradient import GradientVectorQuantizer
from musicgen.models.convolutional import ConvolutionalAutoencoder
from musicgen.models.losses import code_loss
from musicgen.music.packing import SliceLayout


def tiny(*, channels: int = 1, num_hiddens: int = 16, num_embeddings: int = 16) -> ConvolutionalAutoencoder:
    quantizer = VectorQuantizer(num_embeddings=num_embeddings, embedding_dim=num_hiddens)
    return ConvolutionalAutoencoder(
        quantizer, num_hiddens=num_hiddens, num_residual_layers=1, num_residual_hiddens=8, channels=channels
    )


def music(batch: int, *, channels: int = 1) -> torch.Tensor:
    """Give slices of held notes, different in each of the batch."""
    generator = torch.Generator().manual_seed(1)
    slices = torch.zeros(batch, channels, 88, 32, dtype=torch.uint8)
    for index in range(batch):
        for pitch in torch.randint(88, (4,), generator=generator):
            onset = int(torch.randint(24, (1,), generator=generator))
            slices[index, 0, pitch, onset : onset + 8] = 1
            slices[index, -1, pitch, onset] = 1
    return slices


@pytest.mark.parametrize(
    ("num_hiddens", "num_residual_layers", "num_residual_hiddens", "num_embeddings", "embedding_dim"),
    [(4, 0, 1, 2, 1), (12, 3, 5, 100, 7), (32, 1, 64, 1024, 32), (36, 2, 8, 16, 128)],
)
@pytest.mark.parametrize(
    ("kind", "channels"), list(itertools.product([VectorQuantizer, GradientVectorQuantizer], [1, 2]))
)
def test_every_shape_trains_a_step_and_decodes(
    num_hiddens, num_residual_layers, num_residual_hiddens, num_embeddings, embedding_dim, kind, channels
) -> None:
    model = ConvolutionalAutoencoder(
        kind(num_embeddings=num_embeddings, embedding_dim=embedding_dim),
        num_hiddens=num_hiddens,
        num_residual_layers=num_residual_layers,
        num_residual_hiddens=num_residual_hiddens,
        channels=channels,
    )
    slices = music(3, channels=channels)

    output = model(slices)
    (model.cells.loss(output.maps, slices).total + output.loss).backward()
    codes = model.encode(slices)
    probabilities = model.decode(codes)

    assert output.maps.shape == (3, channels, 88, 32)
    assert model.decode_maps(codes).shape == (3, channels, 88, 32)
    assert probabilities.shape == (3, 88, 32)
    assert 0 <= probabilities.min() <= probabilities.max() <= 1
    assert codes.shape == (3, 16)
    assert 0 <= codes.min() <= codes.max() < num_embeddings
    assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"num_hiddens": 0}, "num_hiddens=0.*use 4"),
        ({"num_hiddens": 127}, "num_hiddens=127.*use 128"),
        ({"num_hiddens": 129}, "num_hiddens=129.*use 128"),
        ({"num_residual_layers": -1}, "num_residual_layers=-1.*use 0"),
        ({"num_residual_hiddens": 0}, "num_residual_hiddens=0.*use 1"),
        ({"channels": 3}, "channels=3; use 1"),
    ],
)
def test_shapes_that_cannot_be_are_refused_with_the_nearest_that_can(settings, said) -> None:
    with pytest.raises(ValueError, match=said):
        ConvolutionalAutoencoder(VectorQuantizer(), **settings)


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64, torch.float32, torch.float64])
def test_encode_takes_any_dtype_with_and_without_the_channel_axis(dtype) -> None:
    model = tiny()
    slices = music(2)
    expected = model.encode(slices)

    assert torch.equal(model.encode(slices.to(dtype)), expected)
    assert torch.equal(model.encode(slices[:, 0].to(dtype)), expected)


@pytest.mark.parametrize("shape", [(2, 88, 32), (2, 1, 88, 32), (2, 2, 88, 31), (2, 3, 88, 32)])
def test_slices_of_another_shape_are_refused(shape) -> None:
    with pytest.raises(ValueError, match=r"this autoencoder takes \(batch, 2, 88, 32\)"):
        tiny(channels=2).encode(torch.zeros(shape))


def test_codes_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match=r"codes have shape \(1, 15\); use \(batch, 16\)"):
        tiny().decode(torch.zeros(1, 15, dtype=torch.int64))


def test_codes_are_row_major_over_the_grid() -> None:
    """A change at the lowest pitches and first ticks reaches the first code, not the last."""
    model = tiny().train()
    model(music(8))
    model.eval()
    codes = model.encode(torch.zeros(1, 88, 32))[0]
    codes_low = model.decode(codes[None])
    changed = codes.clone()
    changed[0] = (changed[0] + 1) % 16
    last = codes.clone()
    last[15] = (last[15] + 1) % 16

    def centre(other: torch.Tensor) -> torch.Tensor:
        weights = (model.decode(other[None]) - codes_low).abs()[0]
        pitches = (weights.sum(dim=1) * torch.arange(88)).sum() / weights.sum()
        ticks = (weights.sum(dim=0) * torch.arange(32)).sum() / weights.sum()
        return torch.stack([pitches, ticks])

    assert (centre(changed) < centre(last)).all()


def test_forward_decodes_what_encode_gives() -> None:
    model = tiny().eval()
    slices = music(4)

    output = model(slices)

    assert torch.equal(output.codes, model.encode(slices))
    torch.testing.assert_close(output.maps, model.decode_maps(output.codes), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("channels", "density"), [(1, 0.03), (2, 0.03), (2, [0.03, 0.004])])
def test_output_bias_starts_at_the_density(channels, density) -> None:
    model = tiny(channels=channels)
    for parameter in model.decoder.conv_4.parameters():
        parameter.data.zero_()

    model.set_output_bias(density)

    shares = model.decode_maps(torch.zeros(1, 16, dtype=torch.int64)).sigmoid().mean(dim=(0, 2, 3))
    expected = density if isinstance(density, list) else [density] * channels
    assert shares.tolist() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("density", [0.0, 1.0, -0.5, [], float("nan")])
def test_densities_out_of_range_are_refused(density) -> None:
    with pytest.raises(ValueError, match="use numbers between 0 and 1"):
        tiny().set_output_bias(density)


def test_one_batch_overfits() -> None:
    """The rate falls, because Adam at a constant one leaves a batch known by heart again and again."""
    torch.manual_seed(0)
    model, slices = tiny(num_hiddens=32, num_embeddings=64), music(8)
    model.set_output_bias(slices.float().mean().item())
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=250)
    losses = []
    for _ in range(250):
        output = model(slices)
        loss = model.cells.loss(output.maps, slices)
        optimizer.zero_grad()
        (loss.total + output.loss).backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.metrics["bce"].item())
    model.eval()

    assert losses[-1] < 0.1 * losses[0]
    assert ((model.decode(model.encode(slices)) > 0.5) == slices[:, 0].bool()).float().mean() > 0.995


def test_codes_under_bf16_mostly_agree_with_float32() -> None:
    model, slices = tiny(num_hiddens=32), music(64)
    for _ in range(20):
        model(slices)
    model.eval()
    codes = model.encode(slices)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = model.encode(slices)

    assert (codes == rounded).float().mean() > 0.95


def test_channels_last_gives_the_same() -> None:
    model, slices = tiny().eval(), music(4)
    logits = model(slices).maps

    moved = model.to(memory_format=torch.channels_last)

    torch.testing.assert_close(moved(slices).maps, logits, rtol=1e-4, atol=1e-5)


def test_state_survives_a_file_of_tensors_only(tmp_path: Path) -> None:
    model, slices = tiny(), music(4)
    model(slices)
    torch.save(model.state_dict(), tmp_path / "state.pt")

    other = tiny()
    other.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))

    assert torch.equal(other.encode(slices), model.encode(slices))
    assert torch.equal(other.decode(model.encode(slices)), model.decode(model.encode(slices)))


def test_shapes_are_as_annotated() -> None:
    """The tests' own checker (`tests/typecheck.py`): dtypes, and sizes that arguments share."""
    model = tiny()

    assert model.encode(music(2)).shape == (2, 16)
    assert model.decode(torch.zeros(2, 16, dtype=torch.int64)).shape == (2, 88, 32)
    with pytest.raises(jaxtyping.TypeCheckError, match="float32"):
        model.decode(torch.zeros(2, 16))
    with pytest.raises(jaxtyping.TypeCheckError, match="positions"):
        code_loss(torch.zeros(2, 5, 8), torch.zeros(2, 4, dtype=torch.int64))


@pytest.mark.parametrize("ticks", [4, 8, 12, 16, 24, 32])
def test_every_layout_has_sixteen_codes(ticks: int) -> None:
    codebook = VectorQuantizer(num_embeddings=4, embedding_dim=8)
    model = ConvolutionalAutoencoder(codebook, layout=SliceLayout(ticks=ticks), num_hiddens=8)
    slices = (torch.rand(2, 88, ticks) < 0.1).float()
    assert model.encode(slices).shape == (2, 16)
    assert model.decode(model.encode(slices)).shape == (2, 88, ticks)


def test_smaller_strides_give_more_codes() -> None:
    codebook = VectorQuantizer(num_embeddings=4, embedding_dim=8)
    assert ConvolutionalAutoencoder(codebook, num_hiddens=8, strides=[[2, 2], [2, 2], [2, 1]]).num_codes == 48
    with pytest.raises(ValueError, match="do not meet 32 ticks"):
        ConvolutionalAutoencoder(codebook, num_hiddens=8, strides=[[2, 2], [2, 2], [2, 8]])
