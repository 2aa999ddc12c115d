"""Passages: selected quarters of a piece."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from musicgen.data.catalogue.pieces import Piece


@dataclass(frozen=True, order=True)
class Span:
    """Quarters of a piece, counted from the quarter of its first onset.

    Attributes:
        start: First quarter.
        stop: Quarter after the last.
    """

    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start

    def __str__(self) -> str:
        return f"{self.start}-{self.stop}"

    def widened(self, *, to: int, within: int) -> "Span":
        """Extend evenly to both sides, up to a minimum length or the whole piece.

        Args:
            to: Minimum length in quarters.
            within: Length of the piece.
        """
        missing = max(to - len(self), 0)
        start = max(self.start - missing // 2, 0)
        stop = min(max(start + to, self.stop), within)
        return Span(max(min(start, stop - to), 0), stop)


def joined(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Merge spans that overlap or touch, in order."""
    found: list[Span] = []
    for span in sorted(spans):
        if found and span.start <= found[-1].stop:
            found[-1] = Span(found[-1].start, max(found[-1].stop, span.stop))
        else:
            found.append(span)
    return tuple(found)


Spans = Mapping[str, tuple[Span, ...]]


def clipped(spans: Spans, lengths: Mapping[str, int]) -> Spans:
    """Clip the passages of each content to its length in quarters; those beyond it are dropped."""
    return {
        content: tuple(
            Span(span.start, min(span.stop, lengths[content]))
            for span in found
            if span.start < lengths[content]
        )
        for content, found in spans.items()
    }


def passages_summary(spans: Spans, splits: Mapping[str, Sequence[Piece]]) -> dict[str, Any]:
    """Count passages and their quarters, of all pieces and of each split.

    Args:
        spans: The passages of each content.
        splits: The pieces by split.
    """
    counts = {
        name: {
            "passages": sum(len(spans[piece.content]) for piece in pieces),
            "quarters": sum(len(span) for piece in pieces for span in spans[piece.content]),
        }
        for name, pieces in splits.items()
    }
    total = {key: sum(count[key] for count in counts.values()) for key in ("passages", "quarters")}
    return {**total, "splits": counts}
