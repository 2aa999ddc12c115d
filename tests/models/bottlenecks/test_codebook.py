import pytest
import torch

from musicgen.models.bottlenecks.centres import count_codes, k_means_plus_plus
from musicgen.models.bottlenecks.codebook import Codebook, VectorQuantizer
from musicgen.models.bottlenecks.gradient import GradientVectorQuantizer

BOTH = pytest.mark.parametrize("kind", [VectorQuantizer, GradientVectorQuantizer])


def latents_of(vectors: torch.Tensor) -> torch.Tensor:
    """Lay (batch * 16, dim) vectors on 8×2 grids."""
    return vectors.view(-1, 8, 2, vectors.shape[1]).permute(0, 3, 1, 2)


@BOTH
def test_codes_are_the_nearest_and_row_major(kind) -> None:
    quantizer: Codebook = kind(num_embeddings=10, embedding_dim=4).eval()
    latents = torch.randn(3, 4, 8, 2)

    output = quantizer(latents)

    rows = latents.permute(0, 2, 3, 1).reshape(-1, 4)
    nearest = torch.cdist(rows, quantizer.codebook.detach()).argmin(dim=1).view(3, 16, 1)
    assert torch.equal(output.codes, nearest)
    assert torch.equal(quantizer.encode(latents), nearest)
    torch.testing.assert_close(output.latents, latents_of(quantizer.lookup(nearest).flatten(0, 1)))


@BOTH
def test_gradient_passes_straight_through(kind) -> None:
    quantizer = kind(num_embeddings=4, embedding_dim=3, commitment_cost=0.0)
    latents = torch.randn(2, 3, 8, 2, requires_grad=True)
    weights = torch.randn(2, 3, 8, 2)

    (quantizer(latents).latents * weights).sum().backward()

    assert latents.grad is not None
    assert torch.equal(latents.grad, weights)


def test_commitment_is_weighed() -> None:
    latents = torch.randn(2, 3, 8, 2)
    losses = [
        VectorQuantizer(num_embeddings=4, embedding_dim=3, commitment_cost=cost).eval()(latents).loss
        for cost in (0.25, 0.5)
    ]

    torch.testing.assert_close(losses[1], 2 * losses[0])


def test_codebook_loss_is_that_of_equation_3() -> None:
    quantizer = GradientVectorQuantizer(num_embeddings=4, embedding_dim=3, commitment_cost=0.25)
    latents = torch.randn(2, 3, 8, 2, requires_grad=True)

    output = quantizer(latents)

    distance = (output.latents - latents).square().mean()
    torch.testing.assert_close(output.loss, 1.25 * distance)
    output.loss.backward()
    assert quantizer.codebook.grad is not None
    assert quantizer.codebook.grad.abs().sum() > 0


@BOTH
def test_every_code_is_in_use_after_the_start(kind) -> None:
    quantizer = kind(num_embeddings=64, embedding_dim=5)

    codes = quantizer(torch.randn(16, 5, 8, 2)).codes

    assert count_codes(codes, num_embeddings=64).min() > 0


@BOTH
def test_start_takes_a_place_in_each_cluster(kind) -> None:
    centres = torch.randn(8, 6) * 100
    vectors = centres.repeat(32, 1) + 0.01 * torch.randn(256, 6)

    codes = kind(num_embeddings=8, embedding_dim=6)(latents_of(vectors)).codes

    assert count_codes(codes, num_embeddings=8).tolist() == [32] * 8


@BOTH
def test_fewer_latents_than_codes_start_all_the_same(kind) -> None:
    quantizer = kind(num_embeddings=100, embedding_dim=4)

    quantizer(torch.randn(1, 4, 8, 2))

    assert quantizer.codebook.isfinite().all()
    assert quantizer.started


@BOTH
def test_distances_are_float32_under_autocast(kind) -> None:
    quantizer = kind(num_embeddings=200, embedding_dim=16).eval()
    latents = torch.randn(8, 16, 8, 2) + 50

    with torch.autocast("cpu", torch.bfloat16):
        codes = quantizer(latents).codes

    assert torch.equal(codes, quantizer(latents).codes)


@BOTH
def test_eval_changes_nothing(kind) -> None:
    quantizer = kind(num_embeddings=4, embedding_dim=3).eval()
    before = {name: tensor.clone() for name, tensor in quantizer.state_dict().items()}

    quantizer(torch.randn(2, 3, 8, 2))
    quantizer.encode(torch.randn(2, 3, 8, 2))

    assert all(torch.equal(before[name], tensor) for name, tensor in quantizer.state_dict().items())


@BOTH
def test_a_loaded_quantizer_goes_on_as_if_nothing_had_happened(kind, tmp_path) -> None:
    batches = torch.randn(6, 4, 3, 8, 2)
    straight = kind(num_embeddings=16, embedding_dim=3)
    for batch in batches[:3]:
        straight(batch)
    torch.save(straight.state_dict(), tmp_path / "state.pt")
    resumed = kind(num_embeddings=16, embedding_dim=3, seed=0)
    resumed(torch.randn(4, 3, 8, 2))  # the start of another run, to be forgotten
    resumed.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))

    codes = [[quantizer(batch).codes for batch in batches[3:]] for quantizer in (straight, resumed)]

    assert all(torch.equal(one, other) for one, other in zip(*codes, strict=True))
    for name, tensor in straight.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name


def test_loading_an_unstarted_state_starts_again() -> None:
    quantizer = VectorQuantizer(num_embeddings=4, embedding_dim=3)
    unstarted = {name: tensor.clone() for name, tensor in quantizer.state_dict().items()}
    quantizer(torch.randn(2, 3, 8, 2))

    quantizer.load_state_dict(unstarted)
    quantizer(torch.full((2, 3, 8, 2), 7.0))

    torch.testing.assert_close(quantizer.codebook, torch.full((4, 3), 7.0))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"num_embeddings": 1}, "num_embeddings=1.*use 2 or more"),
        ({"embedding_dim": 0}, "embedding_dim=0.*use 1 or more"),
        ({"commitment_cost": -0.1}, "commitment_cost=-0.1.*use 0 or more"),
        ({"decay": 1.0}, "decay=1.0.*0 to below 1"),
        ({"restart_share": 1.5}, "restart_share=1.5.*0 to below 1"),
    ],
)
def test_settings_out_of_range_are_refused(settings, said) -> None:
    with pytest.raises(ValueError, match=said):
        VectorQuantizer(**settings)


def test_latents_of_another_width_are_refused() -> None:
    with pytest.raises(ValueError, match="latents have 3 channels, the codebook's vectors 4"):
        VectorQuantizer(num_embeddings=4, embedding_dim=4)(torch.randn(1, 3, 8, 2))


def test_k_means_plus_plus_draws_in_proportion_to_squared_distance() -> None:
    vectors = torch.tensor([[0.0], [1.0], [3.0]])
    second = []
    for seed in range(2000):
        generator = torch.Generator().manual_seed(seed)
        chosen = k_means_plus_plus(vectors, num_clusters=2, generator=generator)[:, 0].tolist()
        if chosen[0] == 0.0:
            second.append(chosen[1])

    assert second.count(0.0) == 0
    assert second.count(3.0) / len(second) == pytest.approx(0.9, abs=0.04)


def test_count_codes_counts() -> None:
    codes = torch.tensor([[0, 2], [2, 3]])

    assert count_codes(codes, num_embeddings=5).tolist() == [1, 0, 2, 1, 0]
