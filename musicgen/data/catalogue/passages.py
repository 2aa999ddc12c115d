"""Passages: which quarters of a piece are taken, where not all are."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Span:
    """Quarters of a piece, counted from the quarter of its first onset.

    Attributes:
        start: The first.
        stop: The one after the last.
    """

    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start

    def __str__(self) -> str:
        return f"{self.start}-{self.stop}"

    def widened(self, *, to: int, within: int) -> "Span":
        """Give as many quarters before as after it, until it is long enough or all of the piece.

        Args:
            to: Length at least, in quarters.
            within: Length of the piece.
        """
        missing = max(to - len(self), 0)
        start = max(self.start - missing // 2, 0)
        stop = min(max(start + to, self.stop), within)
        return Span(max(min(start, stop - to), 0), stop)


def joined(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Join spans that overlap or touch, in order: no quarter comes twice."""
    found: list[Span] = []
    for span in sorted(spans):
        if found and span.start <= found[-1].stop:
            found[-1] = Span(found[-1].start, max(found[-1].stop, span.stop))
        else:
            found.append(span)
    return tuple(found)
