"""The layers of which transformers over codes are made; attention keeps a cache of keys and values."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional


@dataclass
class KeyValueCache:
    """Keys and values of the positions read so far, in tensors of full length from the start.

    Attributes:
        keys: (layers, batch, heads, max_positions, head_dim).
        values: The same shape.
        length: Positions filled.
    """

    keys: Tensor
    values: Tensor
    length: int = 0

    @property
    def max_positions(self) -> int:
        """Give how many positions fit."""
        return self.keys.shape[3]

    def clear(self) -> None:
        """Forget everything, keep the memory."""
        self.length = 0


class CausalSelfAttention(nn.Module):
    """Let each position look at itself and those before it, with several heads (Vaswani et al. 2017).

    Dropout falls on the output alone: on the weights of attention it keeps PyTorch from its fused kernels
    on a CPU, which train twice as fast.

    Args:
        width: Width of the residual stream, a multiple of num_heads.
        num_heads: Number of heads.
        layer: Index of the layer, its place in the cache.
        dropout: Share of the output dropped in training.
    """

    def __init__(self, width: int, *, num_heads: int, layer: int, dropout: float) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.layer = layer
        self.qkv = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)
        self.output_dropout = nn.Dropout(dropout)

    def forward(
        self, hidden: Float[Tensor, "batch positions width"], cache: KeyValueCache | None = None
    ) -> Float[Tensor, "batch positions width"]:
        """Map (batch, positions, width) to the same shape; with a cache, the positions follow those in it."""
        batch, positions, width = hidden.shape
        qkv = self.qkv(hidden).view(batch, positions, 3, self.num_heads, width // self.num_heads)
        queries, keys, values = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        past = 0 if cache is None else cache.length
        if cache is not None:
            end = past + positions
            cache.keys[self.layer, :, :, past:end] = keys
            cache.values[self.layer, :, :, past:end] = values
            keys = cache.keys[self.layer, :, :, :end]
            values = cache.values[self.layer, :, :, :end]
        mask = _mask_after(past, positions, hidden.device) if past and positions > 1 else None
        attended = _attend(queries, keys, values, mask=mask, is_causal=past == 0 and positions > 1)
        return self.output_dropout(self.output(attended.transpose(1, 2).reshape(batch, positions, width)))


def _attend(
    queries: Tensor, keys: Tensor, values: Tensor, *, mask: Tensor | None, is_causal: bool
) -> Float[Tensor, "batch heads positions dim"]:
    """Attend in float32 where bfloat16 would train slower: backward on a CPU it takes three times as long."""
    attend = functional.scaled_dot_product_attention
    if queries.dtype == torch.bfloat16 and queries.device.type == "cpu" and torch.is_grad_enabled():
        with torch.autocast("cpu", enabled=False):
            return attend(queries.float(), keys.float(), values.float(), attn_mask=mask, is_causal=is_causal)
    return attend(queries, keys, values, attn_mask=mask, is_causal=is_causal)


def _mask_after(past: int, positions: int, device: torch.device) -> Tensor:
    """Say which of past + positions keys each of the last positions may look at."""
    rows = torch.arange(positions, device=device)[:, None] + past
    return torch.arange(past + positions, device=device)[None] <= rows


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


def blocks(width: int, *, num_heads: int, num_layers: int, dropout: float) -> nn.ModuleList:
    """Build the blocks of a transformer, each with its number, by which it finds its part of a cache."""
    return nn.ModuleList(
        Block(width, num_heads=num_heads, layer=layer, dropout=dropout) for layer in range(num_layers)
    )


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
