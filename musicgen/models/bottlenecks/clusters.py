"""Codes for a bottleneck without: the k-means centres of its latents."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from musicgen.models.bottlenecks.base import Bottleneck, as_vectors
from musicgen.models.bottlenecks.centres import count_codes, k_means_plus_plus
from musicgen.models.bottlenecks.codebook import Codebook

_AT_ONCE = 1 << 14  # vectors that are compared with all centres at once; bounds memory


class ClusteredLatents(Codebook):
    """Replace what a bottleneck without codes passes on by the nearest of its k-means centres.

    The bottleneck is trained without the centres; `fit` then finds them, and nothing moves them any more.

    Args:
        of: The trained bottleneck.
        num_embeddings: Number of centres, 2 or more.
        seed: Seed of their start.

    Raises:
        ValueError: The number is out of range.
    """

    def __init__(self, *, of: Bottleneck, num_embeddings: int, seed: int = 0) -> None:
        super().__init__(
            num_embeddings=num_embeddings, embedding_dim=of.embedding_dim, commitment_cost=0.0, seed=seed
        )
        self.of = of
        self.register_buffer("codebook", torch.zeros(num_embeddings, of.embedding_dim))

    @torch.no_grad()
    def fit(self, latents: Float[Tensor, "batch dim h w"], *, iterations: int = 100) -> float:
        """Move the centres to the means of the latents nearest to them, until none moves (Lloyd 1982).

        They start from k-means++. A centre that no latent is nearest to goes to the one that is farthest
        from its own.

        Args:
            latents: What the bottleneck passes on.
            iterations: At most so many moves.

        Returns:
            The share of the latents' variance that their centres keep, at most 1.
        """
        vectors = as_vectors(latents.float())
        generator = torch.Generator(device=vectors.device).manual_seed(self.seed)
        self._set_codebook(
            k_means_plus_plus(vectors, num_clusters=self.num_embeddings, generator=generator),
            vectors_per_code=len(vectors) / self.num_embeddings,
        )
        self.started.fill_(True)
        codes = self._nearest_of_many(vectors)
        for _ in range(iterations):
            self._move(vectors, codes)
            before, codes = codes, self._nearest_of_many(vectors)
            if torch.equal(before, codes):
                break
        left = (vectors - self.codebook[codes]).square().sum()
        return 1 - float(left / (vectors - vectors.mean(dim=0)).square().sum())

    def _move(self, vectors: Float[Tensor, "n dim"], codes: Int[Tensor, " n"]) -> None:
        sizes = count_codes(codes, num_embeddings=self.num_embeddings)
        sums = torch.zeros_like(self.codebook).index_add_(0, codes, vectors)
        empty = (sizes == 0).nonzero()[: len(vectors), 0]
        distances = (vectors - self.codebook[codes]).square().sum(dim=1)
        self.codebook.copy_(sums / sizes.clamp(min=1)[:, None])
        self.codebook[empty] = vectors[distances.topk(len(empty)).indices]

    def _nearest_of_many(self, vectors: Float[Tensor, "n dim"]) -> Int[Tensor, " n"]:
        return torch.cat([self._nearest(part) for part in vectors.split(_AT_ONCE)])

    def _prepared(self, latents: Float[Tensor, "batch dim h w"]) -> Float[Tensor, "batch dim h w"]:
        return self.of(latents).latents

    def _learn(self, vectors: Float[Tensor, "n dim"], codes: Int[Tensor, " n"]) -> None:
        """Leave the centres where they are."""

    def _set_codebook(self, codebook: Float[Tensor, "vocab dim"], *, vectors_per_code: float) -> None:
        self.codebook.copy_(codebook)
