"""No bottleneck: what the same networks reach when nothing is held back."""

from jaxtyping import Float
from torch import Tensor

from musicgen.models.bottlenecks.base import Bottleneck, BottleneckOutput, check_embedding_dim


class NoBottleneck(Bottleneck):
    """Pass latents on as they are.

    Args:
        embedding_dim: Channels of the latents, 1 or more.

    Raises:
        ValueError: A setting is out of range.
    """

    def __init__(self, *, embedding_dim: int = 128) -> None:
        super().__init__()
        check_embedding_dim(embedding_dim)
        self.embedding_dim = embedding_dim

    def forward(self, latents: Float[Tensor, "batch dim h w"]) -> BottleneckOutput:
        """Return the latents."""
        latents = latents.float()
        return BottleneckOutput(latents=latents, codes=None, loss=latents.new_zeros(()))
