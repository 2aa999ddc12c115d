"""What a prior is told of pieces while it writes them: a weighted mixture of labels."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Int
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Conditions:
    """Sum the logits that a prior has under several labels.

    Weights that sum to 1 multiply probabilities, each to the power of its weight. One term is the plain
    condition. Guidance (`guided`) is a mixture with a negative weight, and a blend one of several labels.

    Attributes:
        labels: Label indices by term, piece and quarter; one piece stands for all pieces, one quarter for
            all quarters, the last one for all quarters after it.
        weights: The weight of each term.

    Raises:
        ValueError: There is not one weight for each term.
    """

    labels: Int[Tensor, "terms pieces quarters fields"]
    weights: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        if len(self.weights) != len(self.labels):
            raise ValueError(
                f"{len(self.weights)} weights for {len(self.labels)} sets of labels; use one for each"
            )

    @classmethod
    def guided(
        cls,
        labels: Int[Tensor, "terms pieces quarters fields"],
        *,
        without: Int[Tensor, "1 pieces quarters fields"],
        shares: Sequence[float] = (1.0,),
        guidance: float = 1.0,
    ) -> "Conditions":
        """Go from what a prior predicts without labels towards what it predicts with them, and beyond.

        Classifier-free guidance (Ho and Salimans 2021, equation 6, with their w + 1 for our guidance): the
        logits are those without labels plus `guidance` times the difference that the labels make; with
        several terms, their differences by their shares (Liu et al. 2022, equation 11).

        Args:
            labels: What is asked for.
            without: The same without what is asked for.
            shares: Of each term; they sum to 1.
            guidance: 0 is without labels, 1 with them, 2 twice as far.

        Raises:
            ValueError: The guidance is below 0, or not finite.
        """
        if not 0 <= guidance < float("inf"):
            raise ValueError(f"guidance={guidance}; use 0 (labels do not count) or more, 1 as learned")
        weights = [1 - guidance, *(guidance * share for share in shares)]
        terms = torch.cat([without.expand(1, *labels.shape[1:]), labels])
        counts = [weight != 0 for weight in weights]
        return cls(terms[counts], tuple(weight for weight in weights if weight))

    def of_pieces(self, first: int, count: int) -> "Conditions":
        """Return the conditions of some of the pieces."""
        return (
            self if self.labels.shape[1] == 1 else replace(self, labels=self.labels[:, first : first + count])
        )

    def repeated(self, times: int) -> "Conditions":
        """Return the conditions of as many candidates for each piece, side by side."""
        if self.labels.shape[1] == 1:
            return self
        return replace(self, labels=self.labels.repeat_interleave(times, dim=1))

    def since(self, quarter: int) -> "Conditions":
        """Return the conditions from a quarter of the pieces on."""
        last = self.labels.shape[2] - 1
        return replace(self, labels=self.labels[:, :, min(quarter, last) :])

    def at(self, quarters: Sequence[int]) -> "Conditions":
        """Return the conditions of these quarters of the pieces, in this order."""
        last = self.labels.shape[2] - 1
        return replace(self, labels=self.labels[:, :, [min(quarter, last) for quarter in quarters]])

    def rows(self, batch: int) -> Int[Tensor, "rows quarters fields"]:
        """Return the labels of a batch of pieces, all pieces of the first term first.

        Raises:
            ValueError: Labels fit neither one piece nor all.
        """
        terms, pieces, quarters, fields = self.labels.shape
        if pieces not in (1, batch):
            raise ValueError(f"labels of {pieces} pieces for batch={batch}; use 1 or {batch} rows")
        return self.labels.expand(terms, batch, quarters, fields).flatten(0, 1)
