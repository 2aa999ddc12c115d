import socket
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from musicgen.models.bottlenecks.bachsformer import BachsformerVectorQuantizer
from musicgen.models.bottlenecks.centres import count_codes
from musicgen.models.bottlenecks.codebook import VectorQuantizer
from musicgen.models.bottlenecks.gradient import GradientVectorQuantizer


def perplexity(codes: torch.Tensor, num_embeddings: int) -> float:
    shares = count_codes(codes, num_embeddings=num_embeddings) / codes.numel()
    return torch.exp(-torch.special.xlogy(shares, shares).sum()).item()


def train_on_shrinking_latents(quantizer: VectorQuantizer) -> tuple[float, float]:
    """Give the largest norm of a code after a step, and the perplexity after twenty."""
    torch.manual_seed(0)
    centres = torch.randn(40, 128)
    largest, codes = 0.0, torch.zeros(0)
    for step in range(20):
        vectors = 0.1 * centres[torch.randint(40, (1024,))] + 0.01 * torch.randn(1024, 128)
        codes = quantizer(vectors.view(64, 8, 2, 128).permute(0, 3, 1, 2)).codes
        largest = quantizer.codebook.norm(dim=1).max().item() if step == 0 else largest
    return largest, perplexity(codes, quantizer.num_embeddings)


def test_codes_neither_fly_away_nor_collapse_at_the_start() -> None:
    largest, used = train_on_shrinking_latents(VectorQuantizer(num_embeddings=16, embedding_dim=128))

    assert largest < 3
    assert used > 10


def test_the_cold_start_repeats_bachsformers_collapse() -> None:
    """Sums from N(0, 1) over sizes of 0: unused codes have a norm of 1e6 after a step, one code is left."""
    largest, used = train_on_shrinking_latents(
        BachsformerVectorQuantizer(num_embeddings=16, embedding_dim=128)
    )

    assert largest > 1e5
    assert used < 2


def test_the_first_steps_follow_the_encoder() -> None:
    quantizer = VectorQuantizer(num_embeddings=4, embedding_dim=2)
    latents = torch.randn(8, 2, 8, 2)

    for step in range(10):
        codes = quantizer(latents + 10 * step).codes

    assert quantizer.lookup(codes).mean() > 75  # with 0.99 kept from the first step on it would be at 5


def test_codes_are_the_means_of_their_latents_in_the_long_run() -> None:
    centres = 10 * torch.eye(4)
    quantizer = VectorQuantizer(num_embeddings=4, embedding_dim=4, decay=0.9)
    latents = (centres.repeat(64, 1) + torch.randn(256, 4)).view(16, 8, 2, 4).permute(0, 3, 1, 2)

    for _ in range(200):
        codes = quantizer(latents).codes.flatten()

    rows = latents.permute(0, 2, 3, 1).reshape(-1, 4)
    means = torch.stack([rows[codes == code].mean(dim=0) for code in range(4)])
    torch.testing.assert_close(quantizer.codebook, means, rtol=0, atol=1e-4)


def test_sums_and_sizes_always_give_the_codebook() -> None:
    quantizer = VectorQuantizer(num_embeddings=8, embedding_dim=4, decay=0.5, restart_share=0.3)

    for _ in range(30):
        quantizer(torch.randn(2, 4, 8, 2))
        torch.testing.assert_close(
            quantizer.cluster_sum / quantizer.cluster_size[:, None], quantizer.codebook
        )


def test_dead_codes_come_back_with_their_statistics() -> None:
    quantizer = VectorQuantizer(num_embeddings=8, embedding_dim=4)
    quantizer(torch.randn(4, 4, 8, 2))
    with torch.no_grad():  # far away and hardly used, as a collapse leaves them
        quantizer.codebook[1:] += 1e6
        quantizer.cluster_size[1:] = 1e-6
        quantizer.cluster_sum.copy_(quantizer.codebook * quantizer.cluster_size[:, None])

    latents = torch.randn(4, 4, 8, 2)
    quantizer(latents)
    codes = quantizer(latents).codes

    rows = latents.permute(0, 2, 3, 1).reshape(-1, 4)
    assert quantizer.codebook.abs().max() <= rows.abs().max() + 1e-3
    assert count_codes(codes, num_embeddings=8).count_nonzero() > 4
    assert quantizer.cluster_size.min() > 0.1 * quantizer.cluster_size.mean()


def test_without_restarts_a_dead_code_keeps_its_place() -> None:
    quantizer = VectorQuantizer(num_embeddings=2, embedding_dim=2, decay=0.0, restart_share=0.0)
    quantizer(torch.randn(1, 2, 8, 2))
    with torch.no_grad():
        quantizer.codebook.copy_(torch.tensor([[0.0, 0.0], [1e3, 1e3]]))

    for _ in range(3):
        quantizer(torch.randn(1, 2, 8, 2))

    assert quantizer.codebook[1].tolist() == [1e3, 1e3]


def test_restarts_fall_on_latents_in_proportion_to_their_squared_distance() -> None:
    quantizer = VectorQuantizer(num_embeddings=16, embedding_dim=2)
    quantizer.codebook.zero_()
    vectors = torch.zeros(100, 2)
    vectors[60:, 0] = torch.tensor([1.0, 2.0]).repeat(20)  # sixty need no code
    firsts, drawn = torch.zeros(100), []
    for step in range(2000):
        quantizer.num_updates.fill_(step)
        candidates = quantizer._candidates(vectors, torch.zeros(100).long())
        drawn.append(candidates)
        firsts[60 + int(candidates[0, 0] == 2.0)] += 1
    far, near = firsts[61], firsts[60]

    assert (torch.stack(drawn)[..., 0] > 0).all()
    assert 3.4 < far / near < 4.7  # squared distances 4 and 1; a standard deviation is 0.22


def _train_on_a_rank(rank: int, port: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    batches = torch.randn(5, 2, 4, 8, 8, 2, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(rank)
    quantizer = VectorQuantizer(num_embeddings=16, embedding_dim=8, restart_share=0.5)
    gradient = GradientVectorQuantizer(num_embeddings=16, embedding_dim=8)
    for batch in batches:
        quantizer(batch[rank])
        gradient(batch[rank])
    torch.save(quantizer.state_dict() | {"gradient": gradient.codebook.data}, Path(folder) / f"{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_ranks_keep_one_codebook(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    mp.spawn(_train_on_a_rank, args=(port, str(tmp_path)), nprocs=2)
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))

    for name in first:
        assert torch.equal(first[name], second[name]), name
    batches = torch.randn(5, 2, 4, 8, 8, 2, generator=torch.Generator().manual_seed(0))
    alone = VectorQuantizer(num_embeddings=16, embedding_dim=8, restart_share=0.0)
    for batch in batches:
        alone(batch.flatten(0, 1))
    assert first["cluster_size"].sum() == pytest.approx(alone.cluster_size.sum().item(), rel=0.3)
