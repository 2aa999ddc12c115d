"""What every prior over codes offers, so that training, sampling and measuring need not know its kind."""

from abc import ABC, abstractmethod
from typing import Protocol, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor, nn


def check_sizes(*, num_embeddings: int, dropout: float, **counts: int) -> None:
    """Refuse settings of which no prior can be built.

    Args:
        num_embeddings: Size of the codebook, at least 2.
        dropout: Share dropped in training, 0 to below 1.
        counts: Sizes by name, each at least 1.

    Raises:
        ValueError: One is out of range; the message says what it may be.
    """
    for name, value in counts.items():
        if value < 1:
            raise ValueError(f"{name}={value} is not a count; use 1 or more")
    if num_embeddings < 2:
        raise ValueError(f"num_embeddings={num_embeddings} leaves nothing to predict; use 2 or more")
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout={dropout} is not a share to drop; use 0 to below 1")


@runtime_checkable
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
        num_embeddings: Size of the codebook.
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
