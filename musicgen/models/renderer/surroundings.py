"""Convolutions over the notes of a piece: what is written before and after each."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

_KERNEL = 5


class Surroundings(nn.Module):
    """Mix the features of each note with those of its neighbours, near ones first.

    Residual convolutions with growing dilation (van den Oord et al. 2016, without the causal mask): a note
    sees 2 (2 ** depth - 1) notes to each side.

    Args:
        num_features: Numbers that describe a note.
        width: Channels.
        depth: Convolutions, with dilations 1, 2, 4 and so on.
        dropout: Share dropped in training.
    """

    def __init__(self, num_features: int, *, width: int, depth: int, dropout: float) -> None:
        super().__init__()
        self.read = nn.Linear(num_features, width)
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.GroupNorm(1, width),
                nn.Conv1d(width, width, _KERNEL, dilation=1 << number, padding=(_KERNEL // 2) << number),
                nn.GELU(),
                nn.Dropout(dropout),
                nn.Conv1d(width, width, 1),
            )
            for number in range(depth)
        )

    def forward(
        self,
        features: Float[Tensor, "batch notes features"],
        condition: Float[Tensor, "#batch 1 width"] | None,
    ) -> Float[Tensor, "batch notes width"]:
        """Return a vector for each note, (batch, notes, width).

        Args:
            features: Of consecutive notes.
            condition: What is told of each piece; None for nothing.
        """
        hidden = self.read(features)
        hidden = (hidden if condition is None else hidden + condition).transpose(1, 2)
        for layer in self.layers:
            hidden = hidden + layer(hidden)
        return torch.transpose(hidden, 1, 2)
