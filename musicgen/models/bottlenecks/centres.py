"""Centres of latents: where k-means and codebooks start, how many codes fall to each, over all ranks."""

import torch
import torch.distributed as dist
from jaxtyping import Float, Int
from torch import Tensor


def k_means_plus_plus(
    vectors: Float[Tensor, "n dim"], *, num_clusters: int, generator: torch.Generator
) -> Float[Tensor, "clusters dim"]:
    """Choose vectors far from each other as starting points (Arthur and Vassilvitskii 2007).

    Each next one is drawn with a chance in proportion to its squared distance from those chosen. Where
    fewer distinct vectors than clusters are at hand, the surplus ones are copies.

    Args:
        vectors: Where to choose from.
        num_clusters: How many to choose.
        generator: Source of randomness, on the vectors' device.

    Returns:
        The chosen vectors, (num_clusters, dim).
    """
    chosen = torch.zeros(num_clusters, dtype=torch.int64, device=vectors.device)
    distances = torch.ones(len(vectors), device=vectors.device)
    for index in range(num_clusters):
        # The largest of weight / exponential noise falls on each with a chance in proportion to its weight.
        chosen[index] = (distances / torch.empty_like(distances).exponential_(generator=generator)).argmax()
        from_latest = (vectors - vectors[chosen[index]]).square().sum(dim=1)
        distances = from_latest if index == 0 else torch.minimum(distances, from_latest)
    return vectors[chosen].clone()


def count_codes(codes: Int[Tensor, "..."], *, num_embeddings: int) -> Int[Tensor, " vocab"]:
    """Count how often each code occurs, without waiting for the device.

    Args:
        codes: Codes of any shape.
        num_embeddings: Size of the codebook.

    Returns:
        The counts, int64, (num_embeddings,).
    """
    flat = codes.flatten()
    if flat.device.type == "cpu":
        return torch.bincount(flat, minlength=num_embeddings)
    return torch.zeros(num_embeddings, dtype=torch.int64, device=flat.device).index_add_(
        0, flat, torch.ones_like(flat)
    )


def is_distributed() -> bool:
    """Say whether several processes train together."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def gather_from_ranks(vectors: Float[Tensor, "n dim"], *, positions: int) -> Float[Tensor, "m dim"]:
    """Put the vectors of all ranks in the order that one process has them in; equally many a rank.

    Args:
        vectors: Of the samples of this rank, which takes every n-th sample of the whole batch.
        positions: Vectors of one sample.
    """
    if not is_distributed():
        return vectors
    parts = [torch.empty_like(vectors) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, vectors.contiguous())
    samples = [part.view(-1, positions, vectors.shape[1]) for part in parts]
    return torch.stack(samples, dim=1).reshape(-1, vectors.shape[1])
