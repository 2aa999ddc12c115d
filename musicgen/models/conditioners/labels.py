"""Labels of a piece, such as its composer and its era."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from musicgen.models.conditioners.base import Conditioner

NOTHING = 0
"""The label of a field of which nothing is known."""


class LabelConditioner(Conditioner):
    """Add an embedding for each label of a piece.

    In training labels are dropped at random: all of a piece together, and each by itself. So one network
    learns with and without them, which classifier-free guidance needs (Ho and Salimans 2021), and with
    several fields any of them may be asked for alone.

    Args:
        fields: What is labelled, such as `composer`.
        width: Of the prior.
        names: The names of each field, whose labels are 1 and up in this order; none before `set_names`.
        dropout: Share of training windows that lose all labels, and share of each label that is lost beside.

    Raises:
        ValueError: There are no fields, names of other fields, or the share is out of range.
    """

    def __init__(
        self,
        *,
        fields: Sequence[str],
        width: int,
        names: Sequence[Sequence[str]] | None = None,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if not fields:
            raise ValueError("fields=[] labels nothing; use condition=none, or for example [composer]")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout={dropout} is not a share to drop; use 0 to below 1")
        self.fields, self.width, self.dropout = list(fields), width, dropout
        self.names: list[list[str]] = []
        self.embeddings = nn.ModuleList()
        self.set_names([[] for _ in fields] if names is None else names)

    def set_names(self, names: Sequence[Sequence[str]]) -> None:
        """Take the names of each field, with fresh embeddings from N(0, 0.02).

        Raises:
            ValueError: There is not one list for each field.
        """
        if len(names) != len(self.fields):
            raise ValueError(f"{len(names)} lists of names for the fields {self.fields}; use one for each")
        self.names = [list(known) for known in names]
        self.embeddings = nn.ModuleList(nn.Embedding(len(known) + 1, self.width) for known in self.names)
        for embedding in self.embeddings:
            nn.init.normal_(embedding.weight, std=0.02)  # pyright: ignore[reportArgumentType]

    @staticmethod
    def with_rows(weight: Float[Tensor, "known width"], *, count: int) -> Float[Tensor, "count width"]:
        """Add rows to an embedding up to `count`, each equal to that of nothing known."""
        missing = max(0, count - len(weight))
        return torch.cat([weight, weight[NOTHING].expand(missing, -1)])

    def number(self, field: str, name: str) -> int:
        """Look up the label of a name; `NOTHING` where it is unknown."""
        known = self.names[self.fields.index(field)]
        return known.index(name) + 1 if name in known else NOTHING

    def forward(self, labels: Int[Tensor, "batch fields"] | None) -> Float[Tensor, "batch 1 width"]:
        """Return the sum of the labels' embeddings, (batch, 1, width); those of nothing without labels.

        Args:
            labels: In the order of the fields, 0 for nothing known.
        """
        if labels is None:
            device = next(self.parameters()).device
            labels = torch.full((1, len(self.fields)), NOTHING, device=device)
        elif self.training and self.dropout:
            shape = (len(labels), len(self.fields) + 1)  # the last one decides over all of a piece
            stays = torch.rand(shape, device=labels.device) >= self.dropout
            labels = torch.where(stays[:, :-1] & stays[:, -1:], labels, NOTHING)
        embedded = [embedding(column) for embedding, column in zip(self.embeddings, labels.T, strict=True)]
        return torch.stack(embedded).sum(dim=0)[:, None]
