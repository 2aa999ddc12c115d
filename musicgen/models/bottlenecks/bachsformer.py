"""Bachsformer's codebook: a start far from the data, nothing restarted."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from musicgen.models.bottlenecks.codebook import VectorQuantizer


class BachsformerVectorQuantizer(VectorQuantizer):
    """Train the codebook as Bachsformer does, to measure what that costs.

    It starts far from the data, with sizes of 0 beside sums of N(0, 1): after a step the codes that were not
    chosen have a norm of 1e6 and come back by 1 - decay a step. Nothing is restarted.

    Args:
        num_embeddings: Size of the codebook, 2 or more.
        embedding_dim: Length of a codebook vector.
        commitment_cost: Weight of the term that draws the latents to their codes.
        decay: Share of the running means kept at each step, 0 to below 1.
        seed: Seed of the start.
    """

    def __init__(
        self,
        *,
        num_embeddings: int = 16,
        embedding_dim: int = 128,
        commitment_cost: float = 0.25,
        decay: float = 0.99,
        seed: int = 0,
    ) -> None:
        super().__init__(
            num_embeddings=num_embeddings,
            embedding_dim=embedding_dim,
            commitment_cost=commitment_cost,
            decay=decay,
            restart_share=0.0,
            seed=seed,
        )
        self.cluster_size.zero_()
        self.cluster_sum.normal_(generator=torch.Generator().manual_seed(seed + 1))
        self.started.fill_(True)

    @torch.no_grad()
    def _learn(self, vectors: Float[Tensor, "n dim"], codes: Int[Tensor, " n"]) -> None:
        """Update the running means with a batch, and smooth the sizes by a hundred-thousandth."""
        sums, sizes, _ = self._count(vectors, codes, torch.zeros_like(self.codebook))
        self.cluster_size.lerp_(sizes, 1 - self.decay)
        self.cluster_sum.lerp_(sums, 1 - self.decay)
        total = self.cluster_size.sum()
        self.cluster_size.add_(1e-5).mul_(total / (total + self.num_embeddings * 1e-5))
        torch.div(self.cluster_sum, self.cluster_size[:, None], out=self.codebook)
        self.num_updates += 1
