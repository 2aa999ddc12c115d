"""Which pieces the classifier learns from, and which are held out: fifths for folds, and halves."""

from collections.abc import Mapping, Sequence

from musicgen.data.batches.clips import PieceCounts
from musicgen.data.catalogue.splitting import hash_position

FOLDS = 5


def fold_of(
    pieces: Sequence[PieceCounts], *, fold: int, groups: Mapping[str, str] | None = None
) -> tuple[list[PieceCounts], list[PieceCounts]]:
    """Split pieces by content hash, twins by that of one of them: one fifth is held out.

    Args:
        pieces: Distinct pieces.
        fold: 0 to 4; fold 0 is the default held-out fraction.
        groups: The leader of each content that has twins.

    Returns:
        Training pieces and held-out pieces.

    Raises:
        ValueError: The fold is out of range, or one side is empty.
    """
    if not 0 <= fold < FOLDS:
        raise ValueError(f"folds={fold}; use any of 0 to {FOLDS - 1}")
    inside = [int(position * FOLDS) == fold for position in _positions(pieces, groups)]
    train = [piece for piece, held in zip(pieces, inside, strict=True) if not held]
    held_out = [piece for piece, held in zip(pieces, inside, strict=True) if held]
    if not train or not held_out:
        raise ValueError(f"fold {fold} of {len(pieces)} pieces leaves one side empty; choose more pieces")
    return train, held_out


def half_of(
    pieces: Sequence[PieceCounts], *, half: int | None, groups: Mapping[str, str] | None = None
) -> list[PieceCounts]:
    """Take one of two halves of pieces by content hash, twins by that of one of them; all for None.

    Raises:
        ValueError: Nothing is left.
    """
    if half is None:
        return list(pieces)
    parts = 2 * FOLDS * 1000  # apart from the fifths that are held out
    positions = zip(pieces, _positions(pieces, groups), strict=True)
    found = [piece for piece, position in positions if int(position * parts) % 2 == half]
    if not found:
        raise ValueError(f"half={half} of {len(pieces)} pieces leaves none to learn from; choose more pieces")
    return found


def _positions(pieces: Sequence[PieceCounts], groups: Mapping[str, str] | None) -> list[float]:
    """Return what decides where each piece falls: its hash, or that of its twins' leader."""
    contents = [piece.piece.content for piece in pieces]
    return [hash_position((groups or {}).get(content, content)) for content in contents]
