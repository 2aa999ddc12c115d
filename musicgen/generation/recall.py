"""Let a piece come back to what it has done: a share of each draw follows the most similar earlier place."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from musicgen.config.build import Buildable

_MEMORIES = 4  # of a place's past is compared: so many times `memory_quarters`, where a weight is down to 2 %


@dataclass(frozen=True)
class Recall(Buildable):
    """Mix a prior's prediction with the codes that followed similar places of the same piece.

    A place is as similar as the share of its last codes that equal the last ones of the piece, the latest
    counting most; only the same place of earlier quarters is compared. The mixture is that of the continuous
    cache (Grave et al. 2017, equations 3 to 5) with codes in place of hidden states, and with a share that
    grows with the best match: nothing is recalled where nothing matches. There is no limit of length, so
    that a theme can return after more quarters than the prior reads. What followed without a change, the
    same code as a quarter before, is not recalled: silence and held chords match themselves exactly, and
    would be kept for ever.

    Attributes:
        share: Of the recalled prediction where the past matches exactly, 0 to below 1; 0 recalls nothing.
        power: How fast the share falls with the match, above 0: share * match ** power.
        sharpness: How much the best match is preferred to the next best, above 0.
        memory_quarters: After so much time a code's weight in the match has fallen to 1/e, above 0.

    Raises:
        ValueError: A number is out of range.
    """

    share: float = 0.8
    power: float = 6.0
    sharpness: float = 32.0
    memory_quarters: float = 0.5

    def __post_init__(self) -> None:
        """Refuse numbers that cannot be mixed with."""
        if not 0 <= self.share < 1:
            raise ValueError(f"recall.share={self.share}; use 0 (recall nothing) to below 1")
        for name in ("power", "sharpness", "memory_quarters"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"recall.{name}={getattr(self, name)}; use a number above 0")

    def mixed(
        self,
        logits: Float[Tensor, "batch vocab"],
        codes: Int[Tensor, "batch positions"],
        *,
        codes_per_quarter: int,
    ) -> Float[Tensor, "batch vocab"]:
        """Return the logarithm of the mixture's shares for the code that follows.

        Args:
            logits: The prior's, of the code that follows.
            codes: All of the piece so far, without a start token.
            codes_per_quarter: Of the vocabulary.
        """
        earlier = codes.shape[1] // codes_per_quarter
        if not self.share or not earlier:
            return logits
        shares = logits.softmax(dim=-1)
        match = self._matches(codes, codes_per_quarter=codes_per_quarter)
        followed = codes[:, codes.shape[1] % codes_per_quarter :: codes_per_quarter][:, :earlier]
        stayed = followed[:, 1:] == followed[:, :-1]
        match[:, 1:] = match[:, 1:].masked_fill(stayed, 0.0)
        recalled = torch.zeros_like(shares)
        recalled.scatter_add_(1, followed, (self.sharpness * match).softmax(dim=-1).to(shares.dtype))
        share = self.share * match.amax(dim=-1, keepdim=True) ** self.power
        return torch.lerp(shares, recalled, share.to(shares.dtype)).log()

    def _matches(
        self, codes: Int[Tensor, "batch positions"], *, codes_per_quarter: int
    ) -> Float[Tensor, "batch earlier"]:
        """Measure for the same place of each earlier quarter, 0 to 1, how alike the codes before it are."""
        scale = self.memory_quarters * codes_per_quarter
        span = max(1, min(round(_MEMORIES * scale), codes.shape[1]))
        weight = torch.exp(-torch.arange(span - 1, -1, -1, device=codes.device) / scale)
        padded = torch.nn.functional.pad(codes, (span, 0), value=-1)
        pasts = padded.unfold(1, span, 1)[:, :-1]  # before each position, and not the one that follows
        pasts = pasts[:, codes.shape[1] % codes_per_quarter :: codes_per_quarter]
        equal = pasts == padded[:, None, -span:]
        return (equal * weight).sum(dim=-1) / weight.sum()
