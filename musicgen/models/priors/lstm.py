"""The prior before the transformer: a long short-term memory over codes."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from musicgen.models.bottlenecks.base import Vocabulary
from musicgen.models.conditioners.base import Conditioner
from musicgen.models.priors.base import Prior, check_sizes


@dataclass
class LstmState:
    """Hidden and cell state after the positions read so far.

    Attributes:
        hidden: (layers, batch, width).
        cell: The same shape.
        length: Positions read.
    """

    hidden: Tensor
    cell: Tensor
    length: int = 0

    def clear(self) -> None:
        """Forget everything, keep the memory."""
        self.hidden = torch.zeros_like(self.hidden)
        self.cell = torch.zeros_like(self.cell)
        self.length = 0


class Lstm(Prior):
    """Predict the next code with stacked LSTM layers (Hochreiter and Schmidhuber 1997; Zaremba et al. 2014).

    It has the transformer's interface and is trained and sampled in the same windows, so that the two
    differ in nothing but how they remember. Dropout falls on what goes from layer to layer, never on the
    state.

    Args:
        vocabulary: The codes of a slice; the autoencoder's.
        conditioner: What the prior is told beside codes; nothing if not given.
        num_layers: LSTM layers, one above the other.
        width: Of the embedding and of each layer's state.
        context_quarters: Longest input in quarters.
        max_positions: Longest input in codes, where that is no whole number of quarters.
        dropout: Share dropped in training, 0 to below 1.
        start_token: Add one more input code that stands before a piece.

    Raises:
        ValueError: A setting is out of range.
    """

    def __init__(
        self,
        *,
        vocabulary: Vocabulary,
        conditioner: Conditioner | None = None,
        num_layers: int = 2,
        width: int = 224,
        context_quarters: int = 12,
        max_positions: int | None = None,
        dropout: float = 0.1,
        start_token: bool = True,
    ) -> None:
        super().__init__(
            vocabulary=vocabulary,
            conditioner=conditioner,
            context_quarters=context_quarters,
            max_positions=max_positions,
            start_token=start_token,
        )
        check_sizes(dropout=dropout, num_layers=num_layers, width=width)
        self.code_embedding = nn.Embedding(self.num_inputs, width)
        self.dropout = nn.Dropout(dropout)
        between_layers = dropout if num_layers > 1 else 0.0
        self.layers = nn.LSTM(width, width, num_layers=num_layers, dropout=between_layers, batch_first=True)
        self.head = nn.Linear(width, vocabulary.size, bias=False)

    def forward(
        self,
        codes: Int[Tensor, "batch positions"],
        cache: LstmState | None = None,
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
        end = self.end_of_input(codes, cache)
        past, state = (0, None) if cache is None else (cache.length, (cache.hidden, cache.cell))
        embedded = self.code_embedding(self.input_numbers(codes, past=past))
        per_quarter = self.vocabulary.codes_per_slice
        condition = self.condition_at(labels, first=past, count=codes.shape[1], unit=per_quarter)
        embedded = embedded if condition is None else embedded + condition
        outputs, (hidden, cell) = self.layers(self.dropout(embedded), state)
        if cache is not None:
            cache.hidden, cache.cell, cache.length = hidden, cell, end
        return self.head(self.dropout(outputs))

    def new_cache(self, batch: int) -> LstmState:
        """Make the state before the first position, on the weights' device and in their dtype."""
        weight = self.head.weight
        zeros = weight.new_zeros(self.layers.num_layers, batch, self.layers.hidden_size)
        return LstmState(hidden=zeros, cell=zeros.clone())
