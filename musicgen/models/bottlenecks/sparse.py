"""A bottleneck of few active latents: an L1 penalty instead of codes."""

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from musicgen.models.bottlenecks.base import Bottleneck, BottleneckOutput, check_embedding_dim


class SparseBottleneck(Bottleneck):
    """Rectify latents and pay for their size (sparse coding as in Ng 2011, with L1 for the penalty).

    Args:
        embedding_dim: Channels of the latents, 1 or more.
        weight: Weight of the mean size of a latent, 0 or more.

    Raises:
        ValueError: A setting is out of range.
    """

    def __init__(self, *, embedding_dim: int = 128, weight: float = 0.01) -> None:
        super().__init__()
        check_embedding_dim(embedding_dim)
        if weight < 0:
            raise ValueError(f"weight={weight} is negative; use 0 or more")
        self.embedding_dim, self.weight = embedding_dim, weight

    def forward(self, latents: Float[Tensor, "batch dim h w"]) -> BottleneckOutput:
        """Rectify the latents; `active` is the share of them that is not 0."""
        latents = functional.relu(latents.float())
        size = latents.mean()
        return BottleneckOutput(
            latents=latents,
            codes=None,
            loss=self.weight * size,
            metrics={"l1": size.detach(), "active": (latents > 0).float().mean()},
        )
