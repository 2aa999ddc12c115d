"""Rank generated pieces."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from musicgen.measure.copying.index import CopyIndex
from musicgen.music.notes import Performance
from musicgen.music.packing import TICKS_PER_QUARTER
from musicgen.music.theory.keys import Key, estimate_key

CRUMB_QUARTERS = 3 / TICKS_PER_QUARTER
"""Longest note that counts as a crumb: a 48th note."""


@dataclass(frozen=True)
class RankedPiece:
    """Ranking criteria of a piece.

    Attributes:
        number: Index of the piece.
        in_key: Share of the sounding time on pitch classes of the key, 0 to 1; 0 for silence.
        crumbs: Share of notes of at most `CRUMB_QUARTERS`, 0 to 1; 1 for silence.
        copied_notes: Longest run shared with known music; NaN without known music.
    """

    number: int
    in_key: float
    crumbs: float
    copied_notes: float


def rank_pieces(
    pieces: Sequence[Performance], *, key: Key | None = None, known: Sequence[CopyIndex] = ()
) -> list[RankedPiece]:
    """Rank pieces by the sum of their ranks in key, crumbs and copies, keeping the order of ties.

    Args:
        pieces: Generated pieces without their prompts.
        key: Key of the prompt; None for each piece's own key.
        known: Music that should not be copied, such as training pieces and the prompt.

    Returns:
        All pieces, best first.
    """
    measured = [_measure(number, piece, key, known) for number, piece in enumerate(pieces)]
    worse = np.array([[-one.in_key, one.crumbs, one.copied_notes] for one in measured]).reshape(-1, 3)
    order = np.argsort(_ranks(worse).sum(axis=1), kind="stable")
    return [measured[number] for number in order.tolist()]


def _measure(number: int, piece: Performance, key: Key | None, known: Sequence[CopyIndex]) -> RankedPiece:
    copies = [float(index.longest_copy(piece).notes) for index in known]
    copied = max(copies, default=float("nan"))
    if len(piece) == 0:
        return RankedPiece(number, in_key=0.0, crumbs=1.0, copied_notes=copied)
    scale = (key or estimate_key(piece)).pitch_classes
    length = piece.offset_quarters - piece.onset_quarters
    fits = np.isin(piece.pitch % 12, list(scale))
    in_key = float(length[fits].sum() / length.sum())
    crumbs = float(np.mean(length <= CRUMB_QUARTERS + 1e-9))
    return RankedPiece(number, in_key=in_key, crumbs=crumbs, copied_notes=copied)


def _ranks(values: Float[np.ndarray, "pieces criteria"]) -> Float[np.ndarray, "pieces criteria"]:
    """Return for each value how many in its column are smaller; NaN counts as largest."""
    return (values[None] < values[:, None]).sum(axis=1).astype(np.float64)
