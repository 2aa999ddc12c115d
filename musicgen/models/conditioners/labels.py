"""Labels of a piece and of its quarters, such as its composer and how many notes begin there."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from musicgen.models.conditioners.base import Conditioner

NOTHING = 0
"""The label of a field whose value is unknown or left open."""

GAP = "gap"
"""The field that marks a gap to be filled; it is never dropped, since a window with a gap is rearranged."""


class LabelConditioner(Conditioner):
    """Add an embedding for each label of a quarter.

    A field has names, such as composers, or levels: the ranges between edges of something measured. In
    training labels are dropped at random: all of a window together, and each field by itself. So one
    network learns with and without them, which classifier-free guidance needs (Ho and Salimans 2021), and
    with several fields any of them may be asked for alone.

    Args:
        fields: What is labelled, such as `composer`.
        width: Of the prior.
        names: The names of each field, whose labels are 1 and up in this order; none before `set_values`.
        edges: The edges between the levels of each field, ascending; none for fields that have names.
        dropout: Share of training windows that lose all labels, and share of each field that is lost beside.
        stretch_quarters: Length of the stretches that measured fields are measured over, in quarters.

    Raises:
        ValueError: There are no fields, values of other fields, or a number is out of range.
    """

    def __init__(
        self,
        *,
        fields: Sequence[str],
        width: int,
        names: Sequence[Sequence[str]] | None = None,
        edges: Sequence[Sequence[float]] | None = None,
        dropout: float = 0.1,
        stretch_quarters: int = 8,
    ) -> None:
        super().__init__()
        if not fields or len(set(fields)) < len(fields):
            raise ValueError(
                f"fields={list(fields)} names no field or one twice; use for example [composer], or "
                "condition=none for no labels"
            )
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout={dropout} is not a share to drop; use 0 to below 1")
        if stretch_quarters < 1:
            raise ValueError(f"stretch_quarters={stretch_quarters} is no length; use 1 or more")
        self.fields, self.width, self.dropout = list(fields), width, dropout
        self.stretch_quarters = stretch_quarters
        self.names: list[list[str]] = []
        self.edges: list[list[float]] = []
        self.embeddings = nn.ModuleList()
        self.set_values([[] for _ in fields] if names is None else names, edges=edges)

    def set_values(
        self, names: Sequence[Sequence[str]], *, edges: Sequence[Sequence[float]] | None = None
    ) -> None:
        """Set the names and the edges of each field, with fresh embeddings from N(0, 0.02).

        Args:
            names: Per field; empty for a measured one.
            edges: Per field; empty for one with names. None for no measured fields.

        Raises:
            ValueError: There is not one list for each field.
        """
        edges = [[] for _ in self.fields] if edges is None else edges
        for values in (names, edges):
            if len(values) != len(self.fields):
                raise ValueError(f"{len(values)} lists for the fields {self.fields}; use one for each")
        self.names = [list(known) for known in names]
        self.edges = [[float(edge) for edge in between] for between in edges]
        counts = (self.num_levels(field) or len(self.names_of(field)) for field in self.fields)
        self.embeddings = nn.ModuleList(nn.Embedding(count + 1, self.width) for count in counts)
        for embedding in self.embeddings:
            nn.init.normal_(embedding.weight, std=0.02)  # pyright: ignore[reportArgumentType]

    @staticmethod
    def with_rows(weight: Float[Tensor, "known width"], *, count: int) -> Float[Tensor, "count width"]:
        """Add rows to an embedding up to `count`, each equal to that of nothing known."""
        missing = max(0, count - len(weight))
        return torch.cat([weight, weight[NOTHING].expand(missing, -1)])

    def names_of(self, field: str) -> list[str]:
        """Return the names of a field, in the order of their labels from 1."""
        return self.names[self.fields.index(field)]

    def edges_of(self, field: str) -> list[float]:
        """Return the edges between the levels of a field."""
        return self.edges[self.fields.index(field)]

    def num_levels(self, field: str) -> int:
        """Count the levels of a measured field; 0 for one with names."""
        edges = self.edges_of(field)
        return len(edges) + 1 if edges else 0

    def number(self, field: str, name: str) -> int:
        """Look up the label of a name; `NOTHING` where it is unknown."""
        known = self.names_of(field)
        return known.index(name) + 1 if name in known else NOTHING

    def forward(
        self, labels: Int[Tensor, "batch quarters fields"] | None
    ) -> Float[Tensor, "batch quarters width"]:
        """Return the sum of the labels' embeddings; that of no label, (1, 1, width), without labels.

        Args:
            labels: In the order of the fields, 0 for nothing known.
        """
        if labels is None:
            device = next(self.parameters()).device
            labels = torch.full((1, 1, len(self.fields)), NOTHING, device=device)
        elif self.training and self.dropout:
            labels = self._thinned(labels)
        columns = zip(self.embeddings, labels.unbind(dim=-1), strict=True)
        return torch.stack([embedding(column) for embedding, column in columns]).sum(dim=0)

    def _thinned(self, labels: Int[Tensor, "batch quarters fields"]) -> Int[Tensor, "batch quarters fields"]:
        """Drop labels of windows at random."""
        shape = (len(labels), len(self.fields) + 1)  # the last one decides over all fields of a window
        stays = torch.rand(shape, device=labels.device) >= self.dropout
        stays = stays[:, :-1] & stays[:, -1:]
        if GAP in self.fields:
            stays[:, self.fields.index(GAP)] = True
        return torch.where(stays[:, None], labels, NOTHING)
