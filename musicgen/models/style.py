"""Composer and era classifier: a small network over pattern counts."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from musicgen.config.build import Buildable


@dataclass(frozen=True)
class StyleOutput:
    """Output of the classifier for a batch of clips.

    Attributes:
        embedding: Its last hidden layer, (batch, embedding_dim).
        composer_logits: (batch, composers).
        era_logits: (batch, eras).
    """

    embedding: Tensor
    composer_logits: Tensor
    era_logits: Tensor


class StyleClassifier(Buildable, nn.Module):
    """Predict composer and era from counts of small note patterns in a clip.

    The inputs are square roots of the shares within each family (their Euclidean distance is the Hellinger
    distance) and the number of notes. Two hidden layers, the second is the embedding, then a linear head each
    for composer and era. Input dropout and dropout regularise, as data sets have only a few hundred pieces.

    Args:
        composers: Surnames, in the order of the logits.
        eras: Names, in the order of the logits.
        families: Sizes of the concatenated families of counts.
        width: Units of the first layer.
        embedding_dim: Units of the second layer.
        input_dropout: Share of the inputs dropped in training.
        dropout: Share of the first layer dropped in training.

    Raises:
        ValueError: A setting is out of range.
    """

    def __init__(
        self,
        *,
        composers: Sequence[str],
        eras: Sequence[str],
        families: Sequence[int],
        width: int = 256,
        embedding_dim: int = 32,
        input_dropout: float = 0.2,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        for name, value in {"width": width, "embedding_dim": embedding_dim}.items():
            if value < 1:
                raise ValueError(f"{name}={value} is not a count; use 1 or more")
        for name, share in {"input_dropout": input_dropout, "dropout": dropout}.items():
            if not 0 <= share < 1:
                raise ValueError(f"{name}={share} is not a dropout rate; use 0 to below 1")
        self.composers, self.eras = list(composers), list(eras)
        self.families = list(families)
        inputs = sum(self.families) + 1
        self.input_norm = nn.BatchNorm1d(inputs)
        self.input_dropout = nn.Dropout(input_dropout)
        self.hidden = nn.Linear(inputs, width)
        self.hidden_norm = nn.BatchNorm1d(width)
        self.dropout = nn.Dropout(dropout)
        self.embed = nn.Linear(width, embedding_dim)
        self.composer_head = nn.Linear(embedding_dim, len(self.composers))
        self.era_head = nn.Linear(embedding_dim, len(self.eras))

    def forward(self, counts: Float[Tensor, "batch patterns"]) -> StyleOutput:
        """Map counts (batch, patterns) to the embedding and the logits of composer and era."""
        inputs = self.input_dropout(self.input_norm(self._shares(counts)))
        hidden = self.dropout(functional.relu(self.hidden_norm(self.hidden(inputs))))
        embedding = functional.relu(self.embed(hidden))
        return StyleOutput(
            embedding=embedding,
            composer_logits=self.composer_head(embedding),
            era_logits=self.era_head(embedding),
        )

    def _shares(self, counts: Float[Tensor, "batch patterns"]) -> Float[Tensor, "batch inputs"]:
        parts = counts.split(self.families, dim=1)
        shares = [(part / part.sum(dim=1, keepdim=True).clamp(min=1)).sqrt() for part in parts]
        density = torch.log1p(parts[0].sum(dim=1, keepdim=True) / 1000)
        return torch.cat([*shares, density], dim=1)
