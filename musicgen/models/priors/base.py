"""What every prior over codes offers, so that training, sampling and measuring need not know its kind."""

from abc import ABC, abstractmethod
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from musicgen.config.build import Buildable
from musicgen.models.bottlenecks.base import Vocabulary
from musicgen.models.conditioners.base import Conditioner, NoCondition
from musicgen.models.losses import code_loss


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


class Prior(Buildable, nn.Module, ABC):
    """Predict the next code of a piece from those before it.

    A piece is the stream [start] + codes, quarter by quarter, in the vocabulary's order; a prior without a
    start token cannot begin by itself.

    Args:
        vocabulary: The codes of a slice; the autoencoder's.
        conditioner: What the prior is told beside codes; nothing if not given.
        context_quarters: Longest input in quarters; Bachsformer's is 12.
        max_positions: Longest input in codes, where that is no whole number of quarters.
        start_token: Add one more input code that stands before a piece.

    Attributes:
        start_token: Index of the input code that stands before a piece; None if there is none.

    Raises:
        ValueError: The context is below 1.
    """

    def __init__(
        self,
        *,
        vocabulary: Vocabulary,
        conditioner: Conditioner | None,
        context_quarters: int,
        max_positions: int | None,
        start_token: bool,
    ) -> None:
        super().__init__()
        if max_positions is None:
            check_sizes(context_quarters=context_quarters)
            max_positions = context_quarters * vocabulary.codes_per_slice
        check_sizes(max_positions=max_positions)
        self.vocabulary = vocabulary
        self.conditioner = NoCondition() if conditioner is None else conditioner
        self.max_positions = max_positions
        self.start_token = vocabulary.size if start_token else None

    @abstractmethod
    def forward(
        self,
        codes: Int[Tensor, "batch positions"],
        cache: PriorCache | None = None,
        *,
        labels: Int[Tensor, "batch quarters fields"] | None = None,
    ) -> Float[Tensor, "batch positions vocab"]:
        """Compute the logits of the code after each position, (batch, positions, num_embeddings).

        Args:
            codes: The stream, or a part of it that begins with a quarter; with a cache, what follows the
                positions in the cache.
            cache: Read and lengthened in place.
            labels: What the conditioner is told of each quarter of the stream from its beginning, or in one
                quarter of all; None for nothing.

        Raises:
            ValueError: More positions than max_positions.
        """

    def nats(
        self,
        codes: Int[Tensor, "batch positions"],
        targets: Int[Tensor, "batch positions"],
        *,
        mask: Bool[Tensor, "batch positions"],
        labels: Int[Tensor, "batch quarters fields"] | None = None,
    ) -> Float[Tensor, ""]:
        """Measure how well the codes of windows are predicted, in nats per code; the training loss.

        Args:
            codes: As `forward` takes them.
            targets: The code after each position.
            mask: True where there is one.
            labels: As `forward` takes them.

        Returns:
            The mean over the targets; NaN if there are none.
        """
        return code_loss(self(codes, labels=labels), targets, mask=mask)

    @abstractmethod
    def new_cache(self, batch: int) -> PriorCache:
        """Make an empty cache for a batch of streams, on the weights' device and in their dtype."""

    @property
    def num_embeddings(self) -> int:
        """Number of codes in each codebook."""
        return self.vocabulary.size

    @property
    def num_inputs(self) -> int:
        """Number of different inputs: the codes of each codebook, and the start token."""
        return self.vocabulary.codebooks * self.vocabulary.size + (self.start_token is not None)

    @property
    def device(self) -> torch.device:
        """The weights' device."""
        return next(self.parameters()).device

    def num_parameters(self) -> int:
        """Count the parameters, positions included."""
        return sum(parameter.numel() for parameter in self.parameters())

    def input_numbers(
        self, codes: Int[Tensor, "batch positions"], *, past: int
    ) -> Int[Tensor, "batch positions"]:
        """Number the inputs so that equal codes of different codebooks differ.

        Args:
            codes: Part of a stream.
            past: Positions of the stream that were read before.
        """
        codebooks, size = self.vocabulary.codebooks, self.vocabulary.size
        if codebooks == 1:
            return codes
        first = past - (self.start_token is not None)  # the start token takes the place before the first code
        places = torch.arange(first, first + codes.shape[1], device=codes.device)
        codebook_of = torch.tensor(self.vocabulary.codebook_of, device=codes.device)
        numbers = codes + codebook_of[places % self.vocabulary.codes_per_slice] * size
        return torch.where(codes == size, codebooks * size, numbers)

    def condition_at(
        self, labels: Int[Tensor, "batch quarters fields"] | None, *, first: int, count: int, unit: int
    ) -> Float[Tensor, "rows steps width"] | None:
        """Compute what the conditioner adds to consecutive steps of the stream, None for nothing.

        Args:
            labels: As `forward` takes them.
            first: The first step, counted from the beginning of the stream.
            count: How many steps.
            unit: Steps per quarter: codes per slice where a step reads a code, 1 where it reads a quarter.

        Returns:
            A vector for each step, or one for all; one row for all streams where there are no labels.
        """
        if isinstance(self.conditioner, NoCondition):
            return None
        if labels is None or labels.shape[1] == 1:
            return self.conditioner(labels)
        late = unit > 1 and self.start_token is None  # then a position predicts the code after its own
        last = labels.shape[1] - 1
        low, high = (min((first + late + step) // unit, last) for step in (0, count - 1))
        steps = torch.arange(first + late, first + late + count, device=labels.device) // unit
        steps = steps.clamp(max=last)
        added = self.conditioner(labels[:, low : high + 1])
        return None if added is None else added[:, steps - low]

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


def check_sizes(*, dropout: float = 0.0, **counts: int) -> None:
    """Refuse settings of which no prior can be built.

    Args:
        dropout: Share dropped in training, 0 to below 1.
        counts: Sizes by name, each at least 1.

    Raises:
        ValueError: One is out of range; the message says what it may be.
    """
    for name, value in counts.items():
        if value < 1:
            raise ValueError(f"{name}={value} is not a count; use 1 or more")
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout={dropout} is not a share to drop; use 0 to below 1")
