"""Cut pieces down to the passages that a choice wants, and say how much is left."""

from collections.abc import Mapping, Sequence
from typing import Any

from musicgen.data.catalogue.choice import PieceFilter
from musicgen.data.catalogue.passages import Span
from musicgen.data.catalogue.pieces import Piece
from musicgen.data.store.facts import PieceFacts
from musicgen.music.grid import ClockGrid, Grid

Spans = Mapping[str, tuple[Span, ...]]


def spans_of(
    choice: PieceFilter, pieces: Sequence[Piece], facts: Mapping[str, PieceFacts], *, grid: Grid
) -> Spans | None:
    """Give the passages of each content that a choice wants, within the piece's quarters on the grid.

    Args:
        choice: What is wanted.
        pieces: Readable pieces that it chose.
        facts: Their lengths, by content.
        grid: On which they were cut.

    Returns:
        None where whole pieces are wanted.

    Raises:
        ValueError: The grid's quarters are not those in which passages are found, or no piece has one.
    """
    spans = choice.musical.passages(pieces) if choice.musical is not None else None
    if spans is None:
        return None
    if not isinstance(grid, ClockGrid):
        raise ValueError(
            f"data.passage_quarters counts quarters of the file's tempo map, and the grid {grid.key} has "
            "others; use grid=clock, or data.passage_quarters=null for whole pieces"
        )
    lengths = {content: facts[content].num_quarters for content in spans}
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
    total = {key: sum(one[key] for one in counts.values()) for key in ("passages", "quarters")}
    return {**total, "splits": counts}
