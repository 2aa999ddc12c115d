"""How one code is chosen from logits: temperature, what may come at all, and what came before."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from musicgen.config.build import Buildable

_MEMORIES = 4  # of a place's past is compared: so many times `memory_quarters`, where a weight is down to 2 %


@dataclass(frozen=True)
class Chooser:
    """How a code is chosen from logits.

    The penalty comes first, then top_k, top_p or else rest_p, and min_p, each on what the one before left.

    Attributes:
        temperature: Divides the logits; 0 always takes the likeliest code.
        top_k: Only the k likeliest codes may come; None for all.
        top_p: Only the fewest likeliest codes that together have this share may come; None for all.
        rest_p: Of all codes but the likeliest, only the fewest likeliest that have this share of what it
            leaves may come; its own share stays as it is. None for all; with a top_p it is not used.
        min_p: Only codes that have at least this share of the likeliest one's share may come; None for all.
        repetition_penalty: A code that has just been at the same place is so many times less likely; below 1
            more likely; 1 leaves all as it is.

    Raises:
        ValueError: A setting is out of range.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    rest_p: float | None = None
    min_p: float | None = None
    repetition_penalty: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < float("inf"):
            raise ValueError(f"temperature={self.temperature}; use 0 (always the likeliest code) or more")
        if self.top_k is not None and self.top_k < 1:
            raise ValueError(f"top_k={self.top_k} leaves no code; use 1 or more, or null for all")
        for name in ("top_p", "rest_p", "min_p"):
            share = getattr(self, name)
            if share is not None and not 0 < share <= 1:
                raise ValueError(f"{name}={share} is not a share; use above 0 to 1, or null for all")
        if not 0 < self.repetition_penalty < float("inf"):
            raise ValueError(
                f"repetition_penalty={self.repetition_penalty}; use above 1 for less repetition, 1 for the "
                "prior's own, above 0 and below 1 for more"
            )

    @property
    def greedy(self) -> bool:
        """Whether the likeliest code is always taken."""
        return self.temperature == 0 or self.top_k == 1

    def noises(
        self, shape: tuple[int, int], *, generators: Sequence[torch.Generator], device: torch.device
    ) -> Iterator[Float[Tensor, "batch vocab"] | None]:
        """Yield Gumbel noise scaled by the temperature, drawn in blocks of (steps, vocab) per row.

        It is drawn on the generators' device, so that a seed means the same on every device.
        """
        while self.greedy:
            yield None
        while True:
            rows = [
                torch.empty(shape, device=generator.device).exponential_(generator=generator)
                for generator in generators
            ]
            yield from torch.stack(rows, dim=1).log_().mul_(-self.temperature).to(device)

    def choose(
        self,
        logits: Float[Tensor, "batch vocab"],
        noise: Float[Tensor, "batch vocab"] | None,
        *,
        recent: Int[Tensor, "batch recent"] | None = None,
    ) -> Int[Tensor, " batch"]:
        """Choose a code per row: the largest of logits + scaled Gumbel noise is a draw from their softmax.

        Args:
            logits: Of the next code.
            noise: Of `noises`; None takes the likeliest code.
            recent: Codes that the repetition penalty falls on; None for none.
        """
        if recent is not None and self.repetition_penalty != 1:
            logits = penalise(logits, recent, penalty=self.repetition_penalty)
        if noise is None:
            return logits.argmax(dim=-1)
        if self.top_k is not None and self.top_k < logits.shape[-1]:
            logits = keep_top_k(logits, top_k=self.top_k)
        if self.top_p is not None and self.top_p < 1:
            logits = keep_top_p(logits, top_p=self.top_p, temperature=self.temperature)
        if self.top_p is None and self.rest_p is not None and self.rest_p < 1:
            logits = keep_rest_p(logits, rest_p=self.rest_p, temperature=self.temperature)
        if self.min_p is not None:
            logits = keep_min_p(logits, min_p=self.min_p, temperature=self.temperature)
        return (logits + noise).argmax(dim=-1)


def row_generators(generator: torch.Generator, *, batch: int) -> list[torch.Generator]:
    """Make a generator for each row of a batch, so that a row does not depend on how many there are.

    Args:
        generator: Draws the seed that all rows share; it advances by one number.
        batch: How many rows.
    """
    base = int(torch.randint(1 << 62, (), generator=generator, device=generator.device))
    rows = []
    for row in range(batch):
        state = np.random.SeedSequence([base, row]).generate_state(1, np.uint64)
        rows.append(torch.Generator(generator.device).manual_seed(int(state[0]) >> 1))
    return rows


def penalise(
    logits: Float[Tensor, "batch vocab"], recent: Int[Tensor, "batch recent"], *, penalty: float
) -> Float[Tensor, "batch vocab"]:
    """Divide the likelihood of recent codes by the penalty, each once however often it came.

    Taking log(penalty) off a logit does the same whatever its sign, unlike the division of logits by Keskar
    et al. 2019 (CTRL, section 4.1), which depends on where a network happens to put its zero.

    Args:
        logits: Of the next code.
        recent: Codes; may be none.
        penalty: Above 0; below 1 makes recent codes likelier.
    """
    came: Bool[Tensor, "batch vocab"] = torch.zeros_like(logits, dtype=torch.bool)
    came.scatter_(-1, recent, True)
    return torch.where(came, logits - torch.tensor(penalty).log().item(), logits)


def keep_top_k(logits: Float[Tensor, "batch vocab"], *, top_k: int) -> Float[Tensor, "batch vocab"]:
    """Set all but the k largest logits to minus infinity (Fan et al. 2018); equals of the k-th stay."""
    smallest = logits.topk(top_k, dim=-1).values[:, -1:]
    return logits.masked_fill(logits < smallest, float("-inf"))


def keep_top_p(
    logits: Float[Tensor, "batch vocab"], *, top_p: float, temperature: float = 1.0
) -> Float[Tensor, "batch vocab"]:
    """Keep the fewest likeliest codes whose shares reach top_p (Holtzman et al. 2020, section 3.1).

    Args:
        logits: Any; those minus infinity stay so.
        top_p: Share to reach, above 0 to 1.
        temperature: Divides the logits before the shares are taken, above 0.

    Returns:
        The logits, those of all other codes minus infinity. The likeliest code always stays.
    """
    ordered, order = logits.sort(dim=-1, descending=True, stable=True)
    shares = (ordered / temperature).softmax(dim=-1)
    dropped = shares.cumsum(dim=-1) - shares >= top_p
    return logits.masked_fill(torch.zeros_like(dropped).scatter(-1, order, dropped), float("-inf"))


def keep_rest_p(
    logits: Float[Tensor, "batch vocab"], *, rest_p: float, temperature: float = 1.0
) -> Float[Tensor, "batch vocab"]:
    """Keep the likeliest code as likely as it is, and of the others the fewest that have rest_p of the rest.

    Where one code is nearly sure, `keep_top_p` leaves it alone: in a place that is silent nine times out of
    ten all notes are the tail, and music thins out until it is silent. Here the rest keeps its whole share,
    which falls to the likeliest of it.

    Args:
        logits: Any; those minus infinity stay so.
        rest_p: Share to reach of what the likeliest code leaves, above 0 to 1.
        temperature: Divides the logits before the shares are taken, above 0.

    Returns:
        The logits, those of the second and later codes raised, so that the second may pass the likeliest
        where that had little more, and those of all dropped codes minus infinity.
    """
    ordered, order = logits.sort(dim=-1, descending=True, stable=True)
    rest = (ordered / temperature).softmax(dim=-1)[:, 1:]
    whole = rest.sum(dim=-1, keepdim=True)
    dropped = rest.cumsum(dim=-1) - rest >= rest_p * whole
    kept = rest.masked_fill(dropped, 0.0).sum(dim=-1, keepdim=True)
    raised = ordered[:, 1:] + temperature * (whole.log() - kept.log())
    ordered = torch.cat([ordered[:, :1], raised.masked_fill(dropped, float("-inf"))], dim=-1)
    return torch.empty_like(logits).scatter(-1, order, ordered)


def keep_min_p(
    logits: Float[Tensor, "batch vocab"], *, min_p: float, temperature: float = 1.0
) -> Float[Tensor, "batch vocab"]:
    """Keep codes whose share is at least min_p of the likeliest one's (Nguyen et al. 2024).

    Args:
        logits: Any; those minus infinity stay so.
        min_p: Part of the largest share, above 0 to 1.
        temperature: Divides the logits before the shares are taken, above 0.

    Returns:
        The logits, those of all other codes minus infinity. The likeliest code always stays.
    """
    highest = logits.amax(dim=-1, keepdim=True)
    least = highest + temperature * torch.tensor(min_p).log().item()
    return logits.masked_fill(logits < least, float("-inf"))


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
