"""Noise on the input of an autoencoder, which then must find the music in it."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from musicgen.config.build import Buildable


class CellNoise(Buildable, nn.Module):
    """Drop sounding cells and add false ones, in training only (denoising, Vincent et al. 2008, section 2.3).

    Args:
        drop: Chance that a cell that is on is switched off, 0 to below 1.
        add: Chance that a cell that is off is switched on, 0 to below 1.

    Raises:
        ValueError: A setting is out of range.
    """

    def __init__(self, *, drop: float = 0.1, add: float = 0.001) -> None:
        super().__init__()
        for name, share in {"drop": drop, "add": add}.items():
            if not 0 <= share < 1:
                raise ValueError(f"{name}={share} is not a chance; use 0 to below 1")
        self.drop, self.add = drop, add

    def forward(
        self, slices: Float[Tensor, "batch channels pitches ticks"]
    ) -> Float[Tensor, "batch channels pitches ticks"]:
        """Return noisy slices in training, the slices themselves in evaluation."""
        if not self.training:
            return slices
        drawn = torch.rand_like(slices)
        return torch.where(slices > 0.5, drawn >= self.drop, drawn < self.add).to(slices.dtype)
