"""What every prior over codes offers, so that training, sampling and measuring need not know its kind."""

from abc import ABC, abstractmethod
from typing import Protocol

from jaxtyping import Float, Int
from torch import Tensor, nn


class PriorCache(Protocol):
    """What a prior keeps of the positions that it has read.

    Attributes:
        length: Positions read.
    """

    length: int

    def clear(self) -> None:
        """Forget everything, keep the memory."""
        ...


class Prior(nn.Module, ABC):
    """Predict the next code of a piece from those before it.

    A piece is the stream [start] + codes; a prior without a start token cannot begin by itself.

    Attributes:
        num_embeddings: Size of the alphabet.
        max_positions: Longest input.
        start_token: Index of the input code that stands before a piece; None where there is none.
        head: Makes logits of the last hidden layer.
    """

    num_embeddings: int
    max_positions: int
    start_token: int | None
    head: nn.Linear

    @abstractmethod
    def forward(
        self, codes: Int[Tensor, "batch positions"], cache: PriorCache | None = None
    ) -> Float[Tensor, "batch positions vocab"]:
        """Give the logits of the code after each position, (batch, positions, num_embeddings).

        Args:
            codes: The stream, or a part of it; with a cache, what follows the positions in the cache.
            cache: Read and lengthened in place.

        Raises:
            ValueError: More positions than max_positions.
        """

    @abstractmethod
    def new_cache(self, batch: int) -> PriorCache:
        """Make an empty cache for a batch of streams, on the weights' device and in their dtype."""

    def num_parameters(self) -> int:
        """Count the parameters, positions included."""
        return sum(parameter.numel() for parameter in self.parameters())

    def end_of_input(self, codes: Int[Tensor, "batch positions"], cache: PriorCache | None) -> int:
        """Count the positions that have been read once these codes are.

        Raises:
            ValueError: More positions than max_positions.
        """
        end = (0 if cache is None else cache.length) + codes.shape[1]
        if end > self.max_positions:
            raise ValueError(
                f"{end} positions do not fit into max_positions={self.max_positions}; feed the last ones only"
            )
        return end
