"""The prior before the transformer: a long short-term memory over codes."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

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
        num_embeddings: Size of the codebook.
        num_layers: LSTM layers, one above the other.
        width: Of the embedding and of each layer's state.
        max_positions: Longest input; 192 is 12 quarters of 16 codes.
        dropout: Share dropped in training, 0 to below 1.
        start_token: Add one more input code that stands before a piece.

    Raises:
        ValueError: A setting is out of range.
    """

    def __init__(
        self,
        *,
        num_embeddings: int = 16,
        num_layers: int = 2,
        width: int = 224,
        max_positions: int = 192,
        dropout: float = 0.1,
        start_token: bool = True,
    ) -> None:
        super().__init__()
        check_sizes(
            num_embeddings=num_embeddings,
            dropout=dropout,
            num_layers=num_layers,
            width=width,
            max_positions=max_positions,
        )
        self.num_embeddings = num_embeddings
        self.max_positions = max_positions
        self.start_token = num_embeddings if start_token else None
        self.code_embedding = nn.Embedding(num_embeddings + start_token, width)
        self.dropout = nn.Dropout(dropout)
        between_layers = dropout if num_layers > 1 else 0.0
        self.layers = nn.LSTM(width, width, num_layers=num_layers, dropout=between_layers, batch_first=True)
        self.head = nn.Linear(width, num_embeddings, bias=False)

    def forward(
        self, codes: Int[Tensor, "batch positions"], cache: LstmState | None = None
    ) -> Float[Tensor, "batch positions vocab"]:
        """Give the logits of the code after each position, (batch, positions, num_embeddings).

        Args:
            codes: The stream, or a part of it; with a cache, what follows the positions in the cache.
            cache: Read and lengthened in place.

        Raises:
            ValueError: More positions than max_positions.
        """
        end = self.end_of_input(codes, cache)
        state = None if cache is None else (cache.hidden, cache.cell)
        outputs, (hidden, cell) = self.layers(self.dropout(self.code_embedding(codes)), state)
        if cache is not None:
            cache.hidden, cache.cell, cache.length = hidden, cell, end
        return self.head(self.dropout(outputs))

    def new_cache(self, batch: int) -> LstmState:
        """Make the state before the first position, on the weights' device and in their dtype."""
        weight = self.head.weight
        zeros = weight.new_zeros(self.layers.num_layers, batch, self.layers.hidden_size)
        return LstmState(hidden=zeros, cell=zeros.clone())
