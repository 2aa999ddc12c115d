"""Predict the next code of streams, with a cache or plainly, under one condition or several."""

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from musicgen.generation.asking.conditions import Conditions
from musicgen.models.priors.base import Prior


@runtime_checkable
class Reader(Protocol):
    """Reads a stretch of the streams and predicts what comes next."""

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
        return self.mixed(self.prior(unread, self.cache, labels=self.labels_from(begin))[:, -1])


class UncachedReader(_MixingReader):
    """Reads everything again for each code: slow, and plainly right."""

    def next_logits(
        self, streams: Int[Tensor, "batch positions"], begin: int
    ) -> Float[Tensor, "batch vocab"]:
        """Compute the logits of the code after the last, from the positions `begin` and later."""
        unread = self.repeated(streams[:, begin:])
        return self.mixed(self.prior(unread, labels=self.labels_from(begin))[:, -1])
