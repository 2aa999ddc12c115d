"""A codebook that is a grid of rounded numbers and is not learnt."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from musicgen.models.bottlenecks.base import (
    BottleneckOutput,
    DiscreteBottleneck,
    Vocabulary,
    as_grid,
    as_vectors,
    check_embedding_dim,
)


class FiniteScalarQuantizer(DiscreteBottleneck):
    """Round a few bounded numbers per latent (Mentzer et al. 2024, section 3).

    A layer brings a latent to as many numbers as there are levels, tanh bounds each, rounding takes it to
    one of its levels, and a layer brings the result back. No codebook can collapse, and there is no loss of
    its own.

    Args:
        levels: Values of each number, 2 or more; their product is the size of the codebook.
        embedding_dim: Channels of the latents, 1 or more.

    Raises:
        ValueError: A setting is out of range.
    """

    levels: Tensor
    places: Tensor

    def __init__(self, *, levels: Sequence[int] = (4, 4), embedding_dim: int = 128) -> None:
        super().__init__()
        check_embedding_dim(embedding_dim)
        if not levels or min(levels) < 2:
            raise ValueError(f"levels={list(levels)} leaves nothing to choose; use numbers of 2 or more")
        self.embedding_dim, self.num_embeddings = embedding_dim, math.prod(levels)
        Vocabulary(positions=1, codebooks=1, size=self.num_embeddings)
        places = [math.prod(levels[:n]) for n in range(len(levels))]
        self.register_buffer("levels", torch.tensor(list(levels)), persistent=False)
        self.register_buffer("places", torch.tensor(places), persistent=False)
        self.to_numbers = nn.Linear(embedding_dim, len(levels))
        self.from_numbers = nn.Linear(len(levels), embedding_dim)

    def vocabulary(self, *, positions: int) -> Vocabulary:
        """Describe the codes of a slice with so many latents."""
        return Vocabulary(positions=positions, codebooks=1, size=self.num_embeddings)

    def forward(self, latents: Float[Tensor, "batch dim h w"]) -> BottleneckOutput:
        """Round the numbers of each latent; the gradient passes straight through the rounding."""
        bounded = self._bounded(latents)
        digits = self._digits(bounded)
        rounded = bounded + (self._values(digits) - bounded).detach()
        return BottleneckOutput(
            latents=as_grid(self.from_numbers(rounded), latents),
            codes=self._codes(digits).view(len(latents), -1, 1),
            loss=rounded.new_zeros(()),
        )

    @torch.no_grad()
    def encode(self, latents: Float[Tensor, "batch dim h w"]) -> Int[Tensor, "batch positions codebooks"]:
        """Find the code of each latent, row-major."""
        return self._codes(self._digits(self._bounded(latents))).view(len(latents), -1, 1)

    def lookup(self, codes: Int[Tensor, "batch positions codebooks"]) -> Float[Tensor, "batch positions dim"]:
        """Turn codes into latents."""
        return self.from_numbers(self._values(codes // self.places % self.levels))

    def _bounded(self, latents: Float[Tensor, "batch dim h w"]) -> Float[Tensor, "n numbers"]:
        return self.to_numbers(as_vectors(latents)).float().tanh()

    def _digits(self, bounded: Float[Tensor, "n numbers"]) -> Int[Tensor, "n numbers"]:
        """Number the level of each value between -1 and 1, all levels equally wide."""
        return ((bounded + 1) / 2 * self.levels).long().clamp_max(self.levels - 1)

    def _values(self, digits: Int[Tensor, "*n numbers"]) -> Float[Tensor, "*n numbers"]:
        """Return the middle of each level."""
        return (digits + 0.5) / self.levels * 2 - 1

    def _codes(self, digits: Int[Tensor, "n numbers"]) -> Int[Tensor, " n"]:
        return (digits * self.places).sum(dim=1)
