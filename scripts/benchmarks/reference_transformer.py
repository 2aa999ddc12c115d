"""Reference: a GPT that attends step by step in float32, and samples without a cache.

Written from the description of the original: 4 layers, 8 heads, width 128, windows of 192 codes; blocks of 12
quarters of which 8 are kept, each begun from the last quarter of the one before.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

WINDOW = 192
_QUARTER = 16


class ReferenceBlock(nn.Module):
    """Attention by explicit products, mask and softmax, then a feed-forward layer.

    Args:
        width: Of the stream.
        num_heads: Heads of attention.
    """

    mask: Tensor

    def __init__(self, width: int, *, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.projection = nn.Linear(width, width)
        self.dropout_1, self.dropout_2 = nn.Dropout(0.1), nn.Dropout(0.1)
        self.feed_forward = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width), nn.Dropout(0.1)
        )
        self.register_buffer("mask", torch.tril(torch.ones(WINDOW, WINDOW))[None, None])

    def forward(self, hidden: Tensor) -> Tensor:
        """Map (batch, positions, width) to the same shape."""
        hidden = hidden + self._attend(self.norm_1(hidden))
        return hidden + self.feed_forward(self.norm_2(hidden))

    def _attend(self, hidden: Tensor) -> Tensor:
        batch, positions, width = hidden.shape

        def heads(linear: nn.Linear) -> Tensor:
            return linear(hidden).view(batch, positions, self.num_heads, -1).transpose(1, 2)

        scores = heads(self.query) @ heads(self.key).transpose(-2, -1) / math.sqrt(width // self.num_heads)
        scores = scores.masked_fill(self.mask[:, :, :positions, :positions] == 0, float("-inf"))
        weights = self.dropout_1(functional.softmax(scores, dim=-1))
        attended = (weights @ heads(self.value)).transpose(1, 2).contiguous().view(batch, positions, width)
        return self.dropout_2(self.projection(attended))


class ReferenceGpt(nn.Module):
    """The original's prior.

    Args:
        vocab: Size of the codebook.
        num_layers: Blocks.
        num_heads: Heads of attention.
        width: Of the stream.
    """

    def __init__(self, *, vocab: int = 16, num_layers: int = 4, num_heads: int = 8, width: int = 128) -> None:
        super().__init__()
        self.code = nn.Embedding(vocab, width)
        self.position = nn.Parameter(torch.zeros(1, WINDOW, width))
        self.dropout = nn.Dropout(0.1)
        self.blocks = nn.Sequential(*(ReferenceBlock(width, num_heads=num_heads) for _ in range(num_layers)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocab, bias=False)

    def forward(self, codes: Tensor) -> Tensor:
        """Give logits (batch, positions, vocab)."""
        hidden = self.dropout(self.code(codes) + self.position[:, : codes.shape[1]])
        return self.head(self.norm(self.blocks(hidden)))


def train_step(network: ReferenceGpt, optimizer: torch.optim.Optimizer, codes: Tensor) -> None:
    """Do one update on windows of codes (batch, 193), the gradient clipped at 1 as minGPT does."""
    logits = network(codes[:, :-1])
    loss = functional.cross_entropy(logits.reshape(-1, logits.shape[-1]), codes[:, 1:].reshape(-1))
    network.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimizer.step()


@torch.no_grad()
def sample(network: ReferenceGpt, *, num_codes: int, device: str) -> Tensor:
    """Draw codes one by one, reading the whole block again for each; a block keeps 8 of its 12 quarters."""
    network.eval()
    block = torch.zeros(1, _QUARTER, dtype=torch.int64, device=device)
    kept: list[Tensor] = []
    drawn = 0
    while drawn < num_codes:
        while block.shape[1] < WINDOW and drawn < num_codes:
            logits = network(block)[:, -1] / 0.9
            values, _ = torch.topk(logits, min(16, logits.shape[-1]))
            logits[logits < values[:, [-1]]] = -float("inf")
            code = torch.multinomial(functional.softmax(logits, dim=-1), num_samples=1)
            block = torch.cat((block, code), dim=1)
            drawn += 1
        kept.append(block[:, : 8 * _QUARTER])
        block = block[:, -_QUARTER:]
    return torch.cat(kept, dim=1)
