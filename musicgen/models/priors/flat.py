"""A decoder-only transformer over the flat stream of codes."""

import math

from jaxtyping import Float, Int
from torch import Tensor, nn

from musicgen.models.attention import CausalSelfAttention, KeyValueCache
from musicgen.models.bottlenecks.base import Vocabulary
from musicgen.models.conditioners.base import Conditioner
from musicgen.models.priors.base import Prior, check_sizes


class FeedForward(nn.Sequential):
    """Widen four times, GELU, narrow again (the tanh form of GELU, as in GPT-2 and minGPT)."""

    def __init__(self, width: int, *, dropout: float) -> None:
        super().__init__()
        self.widen = nn.Linear(width, 4 * width)
        self.activation = nn.GELU(approximate="tanh")
        self.output = nn.Linear(4 * width, width)
        self.output_dropout = nn.Dropout(dropout)


class Block(nn.Module):
    """Attention, then feed-forward, each on the normalised stream and added to it (pre-norm)."""

    def __init__(self, width: int, *, num_heads: int, layer: int, dropout: float) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = CausalSelfAttention(width, num_heads=num_heads, layer=layer, dropout=dropout)
        self.feed_forward_norm = nn.LayerNorm(width)
        self.feed_forward = FeedForward(width, dropout=dropout)

    def forward(
        self, hidden: Float[Tensor, "batch positions width"], cache: KeyValueCache | None = None
    ) -> Float[Tensor, "batch positions width"]:
        """Map (batch, positions, width) to the same shape."""
        hidden = hidden + self.attention(self.attention_norm(hidden), cache)
        return hidden + self.feed_forward(self.feed_forward_norm(hidden))


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
        if width % num_heads:
            nearest = max(num_heads, round(width / num_heads) * num_heads)
            raise ValueError(f"width={width} is not a multiple of num_heads={num_heads}; use width={nearest}")
        self.num_heads = num_heads
        self.code_embedding = nn.Embedding(self.num_inputs, width)
        self.position_embedding = nn.Embedding(self.max_positions, width)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(
            Block(width, num_heads=num_heads, layer=layer, dropout=dropout) for layer in range(num_layers)
        )
        self.final_norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary.size, bias=False)
        self._initialise()

    def forward(
        self,
        codes: Int[Tensor, "batch positions"],
        cache: KeyValueCache | None = None,
        *,
        labels: Int[Tensor, "batch fields"] | None = None,
    ) -> Float[Tensor, "batch positions vocab"]:
        """Compute the logits of the code after each position, (batch, positions, num_embeddings).

        Args:
            codes: The stream, or a part of it that begins with a quarter; with a cache, what follows the
                positions in the cache.
            cache: Read and lengthened in place.
            labels: What the conditioner is told of each piece.

        Raises:
            ValueError: More positions than max_positions.
        """
        past, end = 0 if cache is None else cache.length, self.end_of_input(codes, cache)
        embedded = self.code_embedding(self.input_numbers(codes, past=past))
        hidden = embedded + self.position_embedding.weight[past:end]
        condition = self.conditioner(labels)
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

    def _initialise(self) -> None:
        """Draw weights from N(0, 0.02), those that add to the stream from N(0, 0.02 / sqrt(2 num_layers))."""
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear):
                adds_to_stream = name.endswith(".output")
                std = 0.02 / math.sqrt(2 * len(self.blocks)) if adds_to_stream else 0.02
                nn.init.normal_(module.weight, std=std)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
