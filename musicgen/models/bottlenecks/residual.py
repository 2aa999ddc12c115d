"""Several codebooks for each latent: each describes what those before it left over."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from musicgen.models.bottlenecks.base import BottleneckOutput, DiscreteBottleneck, Vocabulary
from musicgen.models.bottlenecks.codebook import VectorQuantizer


class ResidualQuantizer(DiscreteBottleneck):
    """Quantize latents coarse to fine (Zeghidour et al. 2021, section III-C, algorithm 1).

    Args:
        levels: Number of codebooks, 1 or more.
        num_embeddings: Size of each codebook, 2 or more.
        embedding_dim: Length of a codebook vector.
        commitment_cost: Weight of the term that draws what is left over to its codes, at each level.
        decay: Share of the running means kept at each step, 0 to below 1.
        restart_share: As in `VectorQuantizer`.
        seed: Seed of starts and restarts.

    Raises:
        ValueError: A setting is out of range.
    """

    def __init__(
        self,
        *,
        levels: int = 2,
        num_embeddings: int = 16,
        embedding_dim: int = 128,
        commitment_cost: float = 0.25,
        decay: float = 0.99,
        restart_share: float = 0.1,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if levels < 1:
            raise ValueError(f"levels={levels} leaves no codebook; use 1 or more")
        self.embedding_dim, self.num_embeddings = embedding_dim, num_embeddings
        self.levels = nn.ModuleList(
            VectorQuantizer(
                num_embeddings=num_embeddings,
                embedding_dim=embedding_dim,
                commitment_cost=commitment_cost,
                decay=decay,
                restart_share=restart_share,
                seed=seed + level,
            )
            for level in range(levels)
        )

    def vocabulary(self, *, positions: int) -> Vocabulary:
        """Describe the codes of a slice with so many latents."""
        return Vocabulary(positions=positions, codebooks=len(self.levels), size=self.num_embeddings)

    def forward(self, latents: Float[Tensor, "batch dim h w"]) -> BottleneckOutput:
        """Quantize latents level by level; in training mode, also train the codebooks."""
        with torch.autocast(device_type=latents.device.type, enabled=False):
            latents = latents.float()
            left, codes, loss = latents, [], latents.new_zeros(())
            for level in self.levels:
                output = level(left)
                assert output.codes is not None
                left = left - output.latents.detach()  # the straight-through copy equals the code's vector
                codes.append(output.codes)
                loss = loss + output.loss
            quantized = latents - left.detach()
        return BottleneckOutput(
            latents=quantized,
            codes=torch.cat(codes, dim=2),
            loss=loss,
            metrics={"commitment": loss.detach(), "left_over": left.detach().square().mean()},
        )

    @torch.no_grad()
    def encode(self, latents: Float[Tensor, "batch dim h w"]) -> Int[Tensor, "batch positions codebooks"]:
        """Find the codes of each latent, coarse to fine."""
        left, codes = latents.float(), []
        for level in self._levels():
            found = level.encode(left)
            vectors = level.lookup(found)
            left = left - vectors.transpose(1, 2).reshape(left.shape)
            codes.append(found)
        return torch.cat(codes, dim=2)

    def lookup(self, codes: Int[Tensor, "batch positions codebooks"]) -> Float[Tensor, "batch positions dim"]:
        """Add up the vectors of the codes."""
        vectors = [level.lookup(codes[..., n : n + 1]) for n, level in enumerate(self._levels())]
        return torch.stack(vectors).sum(dim=0)

    def _levels(self) -> list[VectorQuantizer]:
        return [level for level in self.levels if isinstance(level, VectorQuantizer)]
