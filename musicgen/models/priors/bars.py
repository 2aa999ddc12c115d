"""A prior over two levels of codes: first what a bar is about, then the codes of its quarters."""

from typing import Unpack

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from musicgen.models.bar_autoencoder import BarAutoencoder
from musicgen.models.bottlenecks.base import Vocabulary
from musicgen.models.losses import code_loss
from musicgen.models.priors.base import check_sizes
from musicgen.models.priors.layers import Block, initialise
from musicgen.models.priors.two_level import TwoLevelCache, TwoLevelSettings, TwoLevelTransformer


class CoarseLevel(nn.Module):
    """Predict the coarse codes of a bar one after another.

    Args:
        vocabulary: The coarse codes of a bar.
        state_width: Width of what is known where a bar begins.
        width: Width of the residual stream.
        num_heads: Heads of the attention; divides width.
    """

    def __init__(self, vocabulary: Vocabulary, *, state_width: int, width: int, num_heads: int) -> None:
        super().__init__()
        self.from_state = nn.Linear(state_width, width)
        self.code_embedding = nn.Embedding(vocabulary.size, width)
        self.place_embedding = nn.Embedding(vocabulary.codes_per_slice, width)
        self.block = Block(width, num_heads=num_heads, layer=0, dropout=0.0)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary.size, bias=False)
        initialise(self, num_layers=1)

    def forward(
        self, states: Float[Tensor, "bars state_width"], coarse: Int[Tensor, "bars places"]
    ) -> Float[Tensor, "bars places size"]:
        """Compute the logits of each coarse code of a bar from the state where it begins and those before.

        Args:
            states: What is known where each bar begins.
            coarse: The coarse codes; those from a place on do not matter to its logits.
        """
        before = functional.pad(self.code_embedding(coarse[:, :-1]), (0, 0, 1, 0))
        hidden = self.from_state(states)[:, None] + self.place_embedding.weight + before
        return self.head(self.norm(self.block(hidden)))


class BarTransformer(TwoLevelTransformer):
    """Predict the coarse codes of a bar from what comes before it, and its fine codes from those as well.

    The global level of a two-level transformer also predicts the coarse codes of each bar where it begins.
    Its local level upsamples: beside each code it is told what the decoder of bars guesses there (the levels
    of Jukebox, Dhariwal et al. 2020, in one network). The coarse codes of a bar are a function of its fine
    ones, so p(coarse) p(fine | coarse) is one of the ways to reach the fine codes, and its bits are an upper
    bound on -log2 p(fine).

    Bars are counted from where reading or writing begins, not from bar lines. The plan of a quarter is the
    coarse codes of its bar and its place there, or `nothing` in place of codes: in bars that are not whole,
    and in some in training, so that the prior writes without a plan, too.

    Args:
        bars: Turns whole bars into coarse codes; trained before, and left as it is.
        plan_dropout: Share of the bars whose plan is kept back in training, 0 to below 1.
        levels: Settings of `TwoLevelTransformer`; the level of coarse codes has the local width and heads.

    Raises:
        ValueError: A setting is out of range; the message names the nearest one that is not.
    """

    def __init__(
        self,
        *,
        bars: BarAutoencoder,
        plan_dropout: float = 0.1,
        **levels: Unpack[TwoLevelSettings],
    ) -> None:
        super().__init__(**levels)
        check_sizes(dropout=plan_dropout)
        context_quarters = self.max_positions // self.vocabulary.codes_per_slice
        if context_quarters < bars.bar_quarters:
            raise ValueError(
                f"context_quarters={context_quarters} holds no bar of {bars.bar_quarters} quarters; use "
                f"windows.window_quarters={bars.bar_quarters} or more, or shorter bars: bars.bar_quarters"
            )
        self.plan_dropout, self.nothing = plan_dropout, bars.coarse.size
        width, local_width = self.from_state.in_features, self.from_state.out_features
        self.coarse = CoarseLevel(
            bars.coarse, state_width=width, width=local_width, num_heads=self.local_heads
        )
        self.from_guess = nn.Linear(bars.head.in_features, local_width)
        self.bars = bars.requires_grad_(False)

    @property
    def bar_quarters(self) -> int:
        """Quarters of a bar."""
        return self.bars.bar_quarters

    def forward(
        self,
        codes: Int[Tensor, "batch positions"],
        cache: TwoLevelCache | None = None,
        *,
        labels: Int[Tensor, "batch labelled fields"] | None = None,
        plan: Int[Tensor, "batch quarters parts"] | None = None,
    ) -> Float[Tensor, "batch positions vocab"]:
        """Compute the logits of the fine code after each position, (batch, positions, num_embeddings).

        Args:
            codes: The stream, or a part of it that begins with a quarter; with a cache, what follows the
                positions in the cache.
            cache: Read and lengthened in place.
            labels: What the conditioner is told of each quarter of the stream from its beginning, or in one
                quarter of all; None for nothing.
            plan: The plan of each quarter of the stream from its beginning, that of the quarter after the
                last whole one included; None for no plan.

        Raises:
            ValueError: More positions than max_positions.
        """
        past = 0 if cache is None else cache.length
        told = self._told(plan, past=past, positions=codes.shape[1])
        return self._predict(codes, cache, labels=labels, plan=told)[0]

    def nats(
        self,
        codes: Int[Tensor, "batch positions"],
        targets: Int[Tensor, "batch positions"],
        *,
        mask: Bool[Tensor, "batch positions"],
        labels: Int[Tensor, "batch labelled fields"] | None = None,
    ) -> Float[Tensor, ""]:
        """Measure the nats of the fine codes and of the coarse ones of whole bars, per fine code.

        In training bars begin with a random quarter, since those of a piece that is continued may do so.

        Args:
            codes: Windows from the beginning of a quarter.
            targets: The code after each position.
            mask: True where there is one.
            labels: As `forward` takes them.

        Returns:
            The mean over the fine codes; NaN if there are none.
        """
        per_quarter, bar = self.vocabulary.codes_per_slice, self.bar_quarters
        first = int(torch.randint(bar, ())) if self.training else 0
        quarters = targets.unflatten(1, (-1, per_quarter))
        plan = self.plan_of(quarters, first=first, known=mask.unflatten(1, (-1, per_quarter)).all(dim=2))
        told = self._told(self._thinned(plan, first=first), past=0, positions=codes.shape[1])
        logits, states = self._predict(codes, None, labels=labels, plan=told)
        coarse, begun = plan[:, first::bar, :-1].flatten(0, 1), states[:, first::bar].flatten(0, 1)
        whole = coarse[:, 0] != self.nothing
        coarse, begun = coarse[whole], begun[whole]
        planned = functional.cross_entropy(
            self.coarse(begun, coarse).flatten(0, 1).float(), coarse.flatten(), reduction="sum"
        )
        return code_loss(logits, targets, mask=mask) + planned / mask.sum()

    def plan_of(
        self,
        quarters: Int[Tensor, "batch quarters codes"],
        *,
        first: int,
        known: Bool[Tensor, "batch quarters"] | None = None,
    ) -> Int[Tensor, "batch quarters parts"]:
        """Find the coarse codes of the bar of each quarter, and its place there.

        Args:
            quarters: The fine codes.
            first: The quarter with which the first bar begins.
            known: False for quarters that are not there; all are without it.

        Returns:
            The coarse codes, `nothing` where a bar is not whole; last the place, from 0.
        """
        batch, bar, places = len(quarters), self.bar_quarters, self.bars.coarse.codes_per_slice
        plan = quarters.new_full((*quarters.shape[:2], places + 1), self.nothing)
        plan[..., -1] = torch.arange(-first, quarters.shape[1] - first, device=plan.device) % bar
        count = (quarters.shape[1] - first) // bar
        if count <= 0:
            return plan
        inside = slice(first, first + count * bar)
        coarse = self.bars.encode(quarters[:, inside].reshape(batch * count, bar, -1)).view(batch, count, -1)
        if known is not None:
            whole = known[:, inside].unflatten(1, (count, bar)).all(dim=2)
            coarse = coarse.masked_fill(~whole[:, :, None], self.nothing)
        plan[:, inside, :-1] = coarse.repeat_interleave(bar, dim=1)
        return plan

    def state_ahead(
        self, codes: Int[Tensor, "batch positions"], *, labels: Int[Tensor, "batch labelled fields"] | None
    ) -> Float[Tensor, "batch width"]:
        """Compute what a stream of whole quarters says of the bar that begins after it.

        Args:
            codes: The stream from the beginning of a quarter.
            labels: As `forward` takes them.
        """
        embedded, _ = self._embedded(codes, None)
        return self._read_quarters(embedded, None, first=0, labels=labels)[:, -1]

    def _told(
        self, plan: Int[Tensor, "batch quarters parts"] | None, *, past: int, positions: int
    ) -> Float[Tensor, "batch begun places local_width"] | None:
        """Compute what the quarters that begin in an input are told of their plans; None for nothing."""
        per_quarter = self.vocabulary.codes_per_slice
        first, stop = -(-past // per_quarter), -(-(past + positions) // per_quarter)
        if plan is None or first == stop:
            return None
        plan = plan[:, first:stop]
        coarse, place = plan[..., :-1].flatten(0, 1), plan[..., -1].flatten()
        is_planned = (coarse[:, :1] != self.nothing)[..., None]
        guess = self.bars.guess(coarse.clamp(max=self.nothing - 1))
        guess = guess[torch.arange(len(place), device=place.device), place]
        guess = functional.layer_norm(guess, guess.shape[-1:])  # else it drowns what else the level reads
        return (self.from_guess(guess) * is_planned).unflatten(0, plan.shape[:2])

    def _thinned(
        self, plan: Int[Tensor, "batch quarters parts"], *, first: int
    ) -> Int[Tensor, "batch quarters parts"]:
        """Keep back the plans of some bars in training."""
        if not (self.training and self.plan_dropout):
            return plan
        bars = -(-(plan.shape[1] - first) // self.bar_quarters)
        lost = torch.rand(len(plan), bars, device=plan.device) < self.plan_dropout
        lost = functional.pad(lost.repeat_interleave(self.bar_quarters, dim=1), (first, 0))
        kept = plan.masked_fill(lost[:, : plan.shape[1], None], self.nothing)
        return torch.cat([kept[..., :-1], plan[..., -1:]], dim=2)
