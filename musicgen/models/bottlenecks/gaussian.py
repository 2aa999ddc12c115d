"""The variational autoencoder's bottleneck: a Gaussian for each latent."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from musicgen.models.bottlenecks.base import Bottleneck, BottleneckOutput, check_embedding_dim
from musicgen.music.packing import PIANO


class GaussianBottleneck(Bottleneck):
    """Draw latents from N(mean, variance), close to N(0, 1) (Kingma and Welling 2014, appendix B).

    The divergence is summed over all latents of a slice and divided by its cells, the unit of the cell
    model's loss: so with beta 1 the whole loss is the negative evidence lower bound per cell. A mean over
    latents instead, as often seen, would weigh it by their number.

    Args:
        embedding_dim: Channels of the latents, 1 or more.
        beta: Weight of the divergence, 0 or more (Higgins et al. 2017).
        cells: Cells of a slice, which the cell model's loss is a mean over; the autoencoder sets it.

    Raises:
        ValueError: A setting is out of range.
    """

    def __init__(self, *, embedding_dim: int = 128, beta: float = 1.0, cells: int = PIANO.cells) -> None:
        super().__init__()
        check_embedding_dim(embedding_dim)
        if beta < 0:
            raise ValueError(f"beta={beta} is negative; use 0 or more")
        if cells < 1:
            raise ValueError(f"cells={cells} is not a count; use the slice's pitches times its ticks")
        self.embedding_dim, self.beta, self.cells = embedding_dim, beta, cells
        self.to_parameters = nn.Conv2d(embedding_dim, 2 * embedding_dim, kernel_size=1)

    def forward(self, latents: Float[Tensor, "batch dim h w"]) -> BottleneckOutput:
        """Draw latents in training, take their means in evaluation."""
        mean, log_variance = self.to_parameters(latents).float().chunk(2, dim=1)
        log_variance = log_variance.clamp(-20, 10)
        drawn = mean + torch.randn_like(mean) * (0.5 * log_variance).exp() if self.training else mean
        divergence = (
            0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).flatten(1).sum(dim=1).mean()
        )
        return BottleneckOutput(
            latents=drawn,
            codes=None,
            loss=self.beta * divergence / self.cells,
            metrics={"kl": divergence.detach()},
        )
