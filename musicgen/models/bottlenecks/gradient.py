"""A codebook trained by the gradient of its own loss."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from musicgen.models.bottlenecks.codebook import Codebook


class GradientVectorQuantizer(Codebook):
    """Train the codebook by gradient: the loss of van den Oord et al. 2017, equation 3.

    Args:
        num_embeddings: Size of the codebook, 2 or more.
        embedding_dim: Length of a codebook vector.
        commitment_cost: Weight (beta) of the commitment term; the codebook term has weight 1.
        seed: Seed of the start.

    Raises:
        ValueError: A setting is out of range.
    """

    def __init__(
        self,
        *,
        num_embeddings: int = 16,
        embedding_dim: int = 128,
        commitment_cost: float = 0.25,
        seed: int = 0,
    ) -> None:
        super().__init__(
            num_embeddings=num_embeddings,
            embedding_dim=embedding_dim,
            commitment_cost=commitment_cost,
            seed=seed,
        )
        generator = torch.Generator().manual_seed(seed)
        self.codebook = nn.Parameter(torch.randn(num_embeddings, embedding_dim, generator=generator))

    def _set_codebook(self, codebook: Float[Tensor, "vocab dim"], *, vectors_per_code: float) -> None:
        self.codebook.copy_(codebook)

    def _learn(self, vectors: Float[Tensor, "n dim"], codes: Int[Tensor, " n"]) -> Float[Tensor, ""]:
        return functional.mse_loss(functional.embedding(codes, self.codebook), vectors)
