"""Which pieces are trained on and which are held out."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from musicgen.data.catalogue.pieces import Piece, contents_of, kept

logger = logging.getLogger(__name__)

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Split:
    """Pieces by split, in their order.

    Attributes:
        pieces: ``train``, ``val`` and ``test``.
        moved: Names of files that were moved so that no needed split is empty, each with where it went.
    """

    pieces: dict[str, Sequence[Piece]]
    moved: dict[str, str]


def split_pieces(
    pieces: Sequence[Piece],
    *,
    val_fraction: float,
    test_fraction: float,
    groups: Mapping[str, str] | None = None,
) -> Split:
    """Split pieces by a hash of their content, and twins by that of one of them.

    The split of a piece without twins depends on nothing but its content and the fractions. A group of twins
    follows its leader, so adding a piece moves only twins of its own. Only where a small choice leaves a
    needed split empty, one piece is moved with its twins: the one of smallest hash to ``val``, the one of
    largest hash to ``train``. It is logged and stated in the summary. A fraction of 0 asks for an empty split
    and gets it.

    Args:
        pieces: Distinct pieces.
        val_fraction: Share held out to choose the best weights by, 0 to 1.
        test_fraction: Share held out altogether, 0 to 1.
        groups: The leader of each content that has twins; None splits by piece.

    Raises:
        ValueError: The fractions leave nothing to train on.
    """
    fractions = {"val_fraction": val_fraction, "test_fraction": test_fraction}
    groups = groups or {}
    if len(pieces) > 1 and len({groups.get(content, content) for content in contents_of(pieces)}) == 1:
        logger.warning("all %d pieces are twins, so they are split as if they were not", len(pieces))
        groups = {}

    def leaders() -> Iterator[str]:
        return (groups.get(content, content) for content in contents_of(pieces))

    side = np.fromiter((SPLITS.index(split_of(leader, **fractions)) for leader in leaders()), np.uint8)
    moved: dict[str, str] = {}

    def move(leader: str, *, to: str) -> None:
        for number, its_leader in enumerate(leaders()):
            if its_leader == leader:
                side[number], moved[pieces[number].path.name] = SPLITS.index(to), to

    if len(pieces) > 1:
        if val_fraction > 0 and SPLITS.index("val") not in side:
            move(min(leaders()), to="val")
        if SPLITS.index("train") not in side:
            move(max(leaders()), to="train")
    for name, to in moved.items():
        logger.warning("%s moved to %s, which had no piece: there are only %d pieces", name, to, len(pieces))
    return Split({split: kept(pieces, side == number) for number, split in enumerate(SPLITS)}, moved)


def hash_position(content: str) -> float:
    """Map a content to [0, 1) by its hash: the number that decides its split."""
    return int(content[:8], 16) / 2**32


def check_fractions(*, val_fraction: float, test_fraction: float) -> None:
    """Check the shares of held-out pieces.

    Raises:
        ValueError: A fraction is negative, or both together leave nothing to train on.
    """
    if not (val_fraction >= 0 and test_fraction >= 0 and val_fraction + test_fraction < 1):
        raise ValueError(
            f"val_fraction={val_fraction} and test_fraction={test_fraction}: both must be at least 0 and "
            "their sum below 1, or nothing is left to train on; 0.1 and 0.1 are the defaults"
        )


def split_of(content: str, *, val_fraction: float, test_fraction: float) -> str:
    """Return the split of a piece by its content alone, so that adding pieces moves none.

    Raises:
        ValueError: A fraction is negative, or both together leave nothing to train on.
    """
    check_fractions(val_fraction=val_fraction, test_fraction=test_fraction)
    position = hash_position(content)
    if position < val_fraction:
        return "val"
    return "test" if position < val_fraction + test_fraction else "train"
