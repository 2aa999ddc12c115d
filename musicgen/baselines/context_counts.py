"""Chances of codes after the few codes before them, by counting what occurred."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int64

Codes = Int64[np.ndarray, " codes"]


class ContextCounts:
    """Smoothed chances of each code after every context up to a length.

    The chance after a context is (count + V · chance after the context one shorter) / (total + V), with V
    codes: add-one smoothing, but towards the shorter context rather than towards all alike (MacKay and Peto
    1995, with a fixed strength). Only what occurred is kept: a table of all contexts of two codes out of 512
    has 135 million chances. Before a piece stands a code of its own.

    Args:
        streams: The codes of each piece, 0 to vocab - 1.
        order: Length of the longest context, in codes.
        vocab: Number of different codes.

    Raises:
        ValueError: There are more contexts than 64 bits can number, or no code at all.
    """

    def __init__(self, streams: Sequence[Codes], *, order: int, vocab: int) -> None:
        if (vocab + 1) ** order * vocab > np.iinfo(np.int64).max:
            raise ValueError(f"order={order} of {vocab} codes has too many contexts; use a smaller order")
        if not sum(map(len, streams)):
            raise ValueError("there is no code to count; give pieces of a quarter or more")
        self.order, self.vocab = order, vocab
        self.orders = [
            _OneOrder(
                np.concatenate([self.contexts(stream, length) for stream in streams]),
                np.concatenate(streams),
                vocab=vocab,
            )
            for length in range(order + 1)
        ]

    def __len__(self) -> int:
        """Count the pairs of a context and a code that occurred."""
        return sum(len(counts.pairs) for counts in self.orders)

    def contexts(self, stream: Codes, order: int) -> Codes:
        """Number the context of each code: the codes before it as digits, the nearest last."""
        padded = np.concatenate([np.full(order, self.vocab), stream])
        numbers = np.zeros(len(stream), np.int64)
        for place in range(order):
            numbers = numbers * (self.vocab + 1) + padded[place : place + len(stream)]
        return numbers

    def chances(self, stream: Codes) -> Float[np.ndarray, " codes"]:
        """Compute the chance of each code of a piece, given those before it."""
        chances = np.full(len(stream), 1 / self.vocab)
        for length, counts in enumerate(self.orders):
            chances = counts.smoothed(self.contexts(stream, length), stream, shorter=chances)
        return chances

    def draw(self, length: int, generator: np.random.Generator) -> Codes:
        """Draw the codes of a new piece."""
        codes, context = np.empty(length, np.int64), (self.vocab + 1) ** self.order - 1  # all start codes
        for place, drawn in enumerate(generator.random(length)):
            steps = self.distribution(context).cumsum()
            codes[place] = min(int(np.searchsorted(steps, drawn, side="right")), self.vocab - 1)
            context = (context * (self.vocab + 1) + int(codes[place])) % (self.vocab + 1) ** self.order
        return codes

    def distribution(self, context: int) -> Float[np.ndarray, " vocab"]:
        """Compute the chance of every code after a context of full length, by its number."""
        chances, codes = np.full(self.vocab, 1 / self.vocab), np.arange(self.vocab)
        for length, counts in enumerate(self.orders):
            nearest = np.full(self.vocab, context % (self.vocab + 1) ** length)  # the last digits
            chances = counts.smoothed(nearest, codes, shorter=chances)
        return chances


class _OneOrder:
    """How often each code followed each context of one length."""

    def __init__(self, contexts: Codes, codes: Codes, *, vocab: int) -> None:
        self.vocab = vocab
        self.pairs, self.counts = np.unique(contexts * vocab + codes, return_counts=True)
        self.contexts, self.totals = np.unique(contexts, return_counts=True)

    def smoothed(
        self, contexts: Codes, codes: Codes, *, shorter: Float[np.ndarray, " codes"]
    ) -> Float[np.ndarray, " codes"]:
        """Mix the share of each code after its context with its chance after the shorter one."""
        counts = _looked_up(contexts * self.vocab + codes, self.pairs, self.counts)
        totals = _looked_up(contexts, self.contexts, self.totals)
        return (counts + self.vocab * shorter) / (totals + self.vocab)


def _looked_up(
    wanted: Codes, keys: Int64[np.ndarray, " known"], values: Int64[np.ndarray, " known"]
) -> Codes:
    """Find the value of each key, 0 for what is not among the sorted keys."""
    places = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
    return np.where(keys[places] == wanted, values[places], 0)
