"""The layers of which transformers over codes are made."""

import math

from jaxtyping import Float
from torch import Tensor, nn

from musicgen.models.attention import CausalSelfAttention, KeyValueCache


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


def check_heads(width: int, *, num_heads: int) -> None:
    """Refuse a width that heads cannot share.

    Raises:
        ValueError: `num_heads` does not divide `width`; the message names the nearest width.
    """
    if width % num_heads:
        nearest = max(num_heads, round(width / num_heads) * num_heads)
        raise ValueError(f"width={width} is not a multiple of num_heads={num_heads}; use width={nearest}")


def initialise(network: nn.Module, *, num_layers: int) -> None:
    """Draw weights from N(0, 0.02), those that add to the stream from N(0, 0.02 / sqrt(2 num_layers)).

    Args:
        network: Linear layers named `output` add to the residual stream (Radford et al. 2019).
        num_layers: Blocks on the stream.
    """
    for name, module in network.named_modules():
        if isinstance(module, nn.Linear):
            adds_to_stream = name.endswith(".output")
            nn.init.normal_(module.weight, std=0.02 / math.sqrt(2 * num_layers) if adds_to_stream else 0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)
