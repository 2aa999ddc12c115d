"""A decoder-only transformer over the flat stream of codes."""

from jaxtyping import Float, Int
from torch import Tensor, nn

from musicgen.models.bottlenecks.base import Vocabulary
from musicgen.models.conditioners.base import Conditioner
from musicgen.models.priors.base import Prior, check_sizes
from musicgen.models.priors.layers import KeyValueCache, blocks, check_heads, initialise


class Transformer(Prior):
    """Predict the next code from those before it (GPT-2, Radford et al. 2019, as in minGPT).

    A piece is the stream [start] + codes. Positions are learned and counted from the beginning of what is
    fed, so a window may begin anywhere in a piece.

    Args:
        vocabulary: The codes of a slice; the autoencoder's.
        conditioner: What the prior is told beside codes; nothing if not given.
        num_layers: Number of blocks.
        num_heads: Heads of each attention; divides width.
        width: Width of the residual stream.
        context_quarters: Longest input in quarters.
        max_positions: Longest input in codes, where that is no whole number of quarters.
        dropout: Share dropped in training, 0 to below 1.
        start_token: Add one more input code that stands before a piece, so that the model can
            begin on its own. Weights from elsewhere have none.

    Raises:
        ValueError: A setting is out of range; the message names the nearest one that is not.
    """

    def __init__(
        self,
        *,
        vocabulary: Vocabulary,
        conditioner: Conditioner | None = None,
        num_layers: int = 4,
        num_heads: int = 8,
        width: int = 128,
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
        check_sizes(dropout=dropout, num_layers=num_layers, num_heads=num_heads, width=width)
        check_heads(width, num_heads=num_heads)
        self.num_heads = num_heads
        self.code_embedding = nn.Embedding(self.num_inputs, width)
        self.position_embedding = nn.Embedding(self.max_positions, width)
        self.dropout = nn.Dropout(dropout)
        self.blocks = blocks(width, num_heads=num_heads, num_layers=num_layers, dropout=dropout)
        self.final_norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary.size, bias=False)
        initialise(self, num_layers=num_layers)

    def forward(
        self,
        codes: Int[Tensor, "batch positions"],
        cache: KeyValueCache | None = None,
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
        past, end = 0 if cache is None else cache.length, self.end_of_input(codes, cache)
        embedded = self.code_embedding(self.input_numbers(codes, past=past))
        hidden = embedded + self.position_embedding.weight[past:end]
        per_quarter = self.vocabulary.codes_per_slice
        condition = self.condition_at(labels, first=past, count=codes.shape[1], unit=per_quarter)
        hidden = self.dropout(hidden if condition is None else hidden + condition)
        for block in self.blocks:
            hidden = block(hidden, cache)
        if cache is not None:
            cache.length = end
        return self.head(self.final_norm(hidden))

    def new_cache(self, batch: int) -> KeyValueCache:
        """Make an empty cache for a batch of streams, on the weights' device and in their dtype."""
        weight = self.head.weight
        head_dim = weight.shape[1] // self.num_heads
        shape = (len(self.blocks), batch, self.num_heads, self.max_positions, head_dim)
        return KeyValueCache(keys=weight.new_zeros(shape), values=weight.new_zeros(shape))
