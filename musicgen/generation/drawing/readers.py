"""Predict the next code of streams, with a cache or plainly, under one condition or several."""

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from musicgen.generation.asking.conditions import Conditions
from musicgen.generation.drawing.bar_plan import BarPlan, Choose
from musicgen.models.priors.bars import BarTransformer
from musicgen.models.priors.base import Prior, PriorCache


@runtime_checkable
class Reader(Protocol):
    """Reads a stretch of the streams and predicts what comes next."""

    def look_ahead(self, streams: Int[Tensor, "batch positions"], begin: int, *, choose: Choose) -> None:
        """Let the prior decide what the quarter after whole ones is about, if it does so."""
        ...

    def next_logits(
        self, streams: Int[Tensor, "batch positions"], begin: int
    ) -> Float[Tensor, "batch vocab"]:
        """Compute the logits of the code after the last, from the positions `begin` and later."""
        ...


class _MixingReader:
    """Predicts under each term of the conditions, side by side in one batch, and adds up the logits."""

    def __init__(self, prior: Prior, *, batch: int, conditions: Conditions | None = None) -> None:
        self.prior = prior
        self.weights = (1.0,) if conditions is None else conditions.weights
        self.labels = None if conditions is None else conditions.rows(batch).to(prior.device)
        self.plan = BarPlan(prior) if isinstance(prior, BarTransformer) else None

    def look_ahead(self, streams: Int[Tensor, "batch positions"], begin: int, *, choose: Choose) -> None:
        """Let a prior that plans bars choose what the quarter after whole ones is about.

        Args:
            streams: The streams up to there.
            begin: The first position that is read.
            choose: Chooses a code of each row from its logits.
        """
        plan = self.plan
        if plan is None or not plan.extend(streams):
            return
        states = plan.prior.state_ahead(self.repeated(streams[:, begin:]), labels=self.labels_from(begin))

        def logits(coarse: Int[Tensor, "batch places"]) -> Float[Tensor, "batch places size"]:
            of_rows = plan.prior.coarse(states, coarse.repeat(len(self.weights), 1))
            return self.mixed(of_rows.flatten(1)).view(*coarse.shape, -1)

        plan.draw(logits, choose=choose)

    def read(
        self, codes: Int[Tensor, "rows positions"], cache: PriorCache | None, begin: int
    ) -> Float[Tensor, "rows positions vocab"]:
        """Compute the logits after positions of streams that are read from `begin` on."""
        labels = self.labels_from(begin)
        if self.plan is None:
            return self.prior(codes, cache, labels=labels)
        plan = self.plan.since(begin).repeat(len(self.weights), 1, 1)
        return self.plan.prior(codes, cache, labels=labels, plan=plan)

    def labels_from(self, begin: int) -> Int[Tensor, "rows quarters fields"] | None:
        """Return the labels of the quarters from a position of the streams on."""
        if self.labels is None or self.labels.shape[1] == 1:
            return self.labels
        first = min(begin // self.prior.vocabulary.codes_per_slice, self.labels.shape[1] - 1)
        return self.labels[:, first:]

    def repeated(self, streams: Int[Tensor, "batch positions"]) -> Int[Tensor, "rows positions"]:
        """Return the streams once for each term."""
        return streams.repeat(len(self.weights), 1)

    def mixed(self, logits: Float[Tensor, "rows vocab"]) -> Float[Tensor, "batch vocab"]:
        """Add up the logits of the terms by their weights."""
        if len(self.weights) == 1:
            return logits
        terms = logits.unflatten(0, (len(self.weights), -1))
        weights = torch.tensor(self.weights, dtype=logits.dtype, device=logits.device)
        return torch.einsum("t,tbv->bv", weights, terms)


class CachedReader(_MixingReader):
    """Reads each position once, and all that are kept again when the oldest are dropped."""

    def __init__(self, prior: Prior, *, batch: int, conditions: Conditions | None = None) -> None:
        super().__init__(prior, batch=batch, conditions=conditions)
        self.cache = prior.new_cache(batch * len(self.weights))
        self.begin = 0

    def next_logits(
        self, streams: Int[Tensor, "batch positions"], begin: int
    ) -> Float[Tensor, "batch vocab"]:
        """Compute the logits of the code after the last, from the positions `begin` and later."""
        if begin != self.begin:
            self.cache.clear()
            self.begin = begin
        unread = self.repeated(streams[:, begin + self.cache.length :])
        return self.mixed(self.read(unread, self.cache, begin)[:, -1])


class UncachedReader(_MixingReader):
    """Reads everything again for each code: slow, and plainly right."""

    def next_logits(
        self, streams: Int[Tensor, "batch positions"], begin: int
    ) -> Float[Tensor, "batch vocab"]:
        """Compute the logits of the code after the last, from the positions `begin` and later."""
        unread = self.repeated(streams[:, begin:])
        return self.mixed(self.read(unread, None, begin)[:, -1])
