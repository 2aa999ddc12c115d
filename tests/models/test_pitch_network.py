"""The autoencoder that convolves over pitches."""

import pytest
import torch

from musicgen.models.bottlenecks.codebook import VectorQuantizer
from musicgen.models.cells.independent import IndependentCells
from musicgen.models.pitch_network import PitchAutoencoder
from musicgen.music.packing import SliceLayout


def network(**settings: object) -> PitchAutoencoder:
    torch.manual_seed(0)
    sizes = {"num_hiddens": 16, "num_residual_hiddens": 8, **settings}
    return PitchAutoencoder(VectorQuantizer(num_embeddings=4, embedding_dim=6), **sizes)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("strides", "width", "ticks", "grid"),
    [
        ((4, 2), 1, 8, (11, 1)),
        ((4,), 2, 8, (22, 2)),
        ((2, 2, 2), 3, 16, (11, 3)),
        ((8, 1), 1, 32, (11, 1)),
    ],
)
def test_strides_and_latents_give_the_grid(strides, width: int, ticks: int, grid: tuple[int, int]) -> None:
    model = network(strides=strides, latents_per_position=width, layout=SliceLayout(ticks=ticks)).eval()
    slices = (torch.rand(3, 2, 88, ticks) < 0.1).float()
    assert model.grid == grid
    assert model.encode(slices).shape == (3, grid[0] * grid[1])
    assert model(slices).maps.shape == (3, 3, 88, ticks)
    assert model.decode(model.encode(slices)).shape == (3, 88, ticks)


@pytest.mark.parametrize("strides", [(), (1, 2), (4, 3), (4, 4), (16,)])
def test_strides_that_do_not_divide_are_refused_with_some_that_do(strides) -> None:
    with pytest.raises(ValueError, match=r"use for example \[4,2\]"):
        network(strides=strides)


def test_music_that_moves_by_a_position_moves_its_latents() -> None:
    model = network().eval()
    slices = torch.zeros(2, 2, 88, 8)
    slices[0, :, 40, 2:6] = slices[1, :, 48, 2:6] = 1
    with torch.no_grad():
        latents = model.encoder(slices)[..., 0]
    assert torch.allclose(latents[0, :, 3:7], latents[1, :, 4:8], atol=1e-6)
    assert not torch.allclose(latents[0], latents[1], atol=1e-3)


def test_codes_reach_only_the_pitches_around_their_position() -> None:
    model = network(num_residual_layers=0).eval()
    codes = torch.zeros(2, 11, dtype=torch.int64)
    codes[1, 5] = 3
    with torch.no_grad():
        model.bottleneck.codebook.normal_()
        maps = model.decode_maps(codes)
    differs = (maps[0] != maps[1]).any(dim=0).any(dim=1).nonzero().flatten()
    assert 40 in differs
    assert differs.min() >= 40 - 24
    assert differs.max() < 48 + 24


@pytest.mark.parametrize("strides", [(4, 2), (8,), (2, 4, 1)])
def test_local_codes_depend_on_their_own_pitches_alone(strides: tuple[int, ...]) -> None:
    slices = (torch.rand(1, 2, 88, 8) < 0.1).float()
    other = slices.clone()
    other[:, :, 40:48] = 1 - other[:, :, 40:48]
    reached = {}
    for is_local in (True, False):
        encoder = network(strides=strides, local_codes=is_local).eval().encoder
        with torch.no_grad():
            moved = (encoder(slices) != encoder(other)).any(dim=1).flatten()
        reached[is_local] = moved.nonzero().flatten().tolist()
    assert reached[True] == [5]
    assert {4, 5, 6} <= set(reached[False])


def test_the_output_starts_near_the_density_of_the_music() -> None:
    model = network(cells=IndependentCells()).eval()
    model.set_output_bias(0.02)
    assert model.channels == 1
    chance = model.decode(torch.randint(4, (8, 11)))
    assert 0.01 < float(chance.mean()) < 0.04


def test_each_latent_at_a_position_is_its_own_code() -> None:
    model = network(latents_per_position=2).eval()
    codes = torch.zeros(3, 22, dtype=torch.int64)
    codes[1, 6], codes[2, 7] = 1, 1
    with torch.no_grad():
        model.bottleneck.codebook.normal_()
        maps = model.decode_maps(codes)
    assert not torch.equal(maps[0], maps[1])
    assert not torch.equal(maps[1], maps[2])


def test_a_few_updates_learn_a_slice_by_heart() -> None:
    model = network(num_hiddens=32, null_share=0.0)
    slices = torch.zeros(2, 2, 88, 8)
    slices[0, 0, 39, :4] = slices[0, 1, 39, 0] = slices[1, 0, 51] = slices[1, 1, 51, 0] = 1
    model.set_output_bias([0.01, 0.003])
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    losses = []
    for _ in range(60):
        output = model(slices)
        loss = model.cells.loss(output.maps, slices, progress=1.0).total + output.loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(model.cells.nats(output.maps, slices).sum().item())
    assert losses[-1] < 0.2 * losses[0]
