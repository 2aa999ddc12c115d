"""A codebook of directions: the nearest code is the one at the smallest angle."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from musicgen.models.bottlenecks.codebook import VectorQuantizer


class CosineQuantizer(VectorQuantizer):
    """Compare latents and codes at length 1 (Yu et al. 2022, section 3.2), trained by moving averages.

    Latents cannot run away from the codebook, nor codes from the latents, by growing.
    """

    def _prepared(self, latents: Float[Tensor, "batch dim h w"]) -> Float[Tensor, "batch dim h w"]:
        return functional.normalize(latents, dim=1)

    @torch.no_grad()
    def _learn(self, vectors: Float[Tensor, "n dim"], codes: Int[Tensor, " n"]) -> None:
        """Move the codes, then bring them to length 1 again."""
        super()._learn(vectors, codes)
        self.codebook.copy_(functional.normalize(self.codebook, dim=1))
