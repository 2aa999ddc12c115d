"""Twins: pieces that are musically equal, in whole or in part."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64, Shaped

from musicgen.data.catalogue.fingerprints import LINES, PRINT, Prints

TWINS_VERSION = 1
"""Bump whenever other pieces become twins; part of their kind in the catalogue."""

FULL_UP_TO_PIECES = 2000
"""Of more pieces a share of the n-grams is compared, so that memory does not grow with their number."""

_NEIGHBOURS = 12
_MOST_MATCHES = 4_000_000
_FEWEST_IN_CHAIN = 4
_PASSAGE_MATCHES, _FEWEST_MATCHES, _SHARE = 20, 6, 0.06
_REACH, _LOOK_BACK = 40, 12
_SHIFTS = 256


@dataclass(frozen=True)
class Twins:
    """Two pieces that share a melody or a passage.

    Attributes:
        first: Content of one piece.
        second: Content of the other.
        matches: N-grams that both have, at the same transposition and in the same order.
    """

    first: str
    second: str
    matches: int


def share_compared(num_pieces: int) -> float:
    """Return the share of n-grams that is compared among so many pieces."""
    return min(1.0, FULL_UP_TO_PIECES / max(num_pieces, 1))


def sampled(prints: Prints, share: float) -> Shaped[np.ndarray, " kept"]:
    """Keep a share of n-grams by their hash, the same ones in every piece."""
    return prints if share >= 1 else prints[prints["hash"] < share * 2**32]


def find_twins(pieces: Mapping[str, Prints], *, share: float = 1.0) -> list[Twins]:
    """Compare all pieces with each other.

    Matches count where they agree in transposition, and follow each other in both pieces within some forty
    chords, at half to double speed: chance matches seldom do. Two pieces are twins by 20 such matches in one
    line (a passage), or by 6 that are 6 % of the smaller one's n-grams (a short tune).

    Args:
        pieces: Fingerprints by content, as `sampled` left them.
        share: The share of n-grams that was kept.

    Returns:
        Pairs in order; of many copies of one piece only neighbours.
    """
    best: dict[tuple[int, int], int] = {}
    for line in range(len(LINES)):
        of_line = [prints[prints["line"] == line] for prints in pieces.values()]
        sizes = np.array([len(prints) for prints in of_line], np.int64)
        joined = np.concatenate(of_line) if of_line else np.empty(0, PRINT)
        piece = np.repeat(np.arange(len(sizes)), sizes)
        order = np.argsort(joined["hash"], kind="stable")
        for first, second, matches in _matches(joined[order], piece[order], share=share):
            smaller = min(sizes[first], sizes[second])
            is_passage = matches >= max(_PASSAGE_MATCHES * share, _FEWEST_MATCHES)
            if is_passage or matches >= max(_SHARE * smaller, _FEWEST_MATCHES):
                best[first, second] = max(matches, best.get((first, second), 0))
    contents = list(pieces)
    return [Twins(contents[a], contents[b], matches) for (a, b), matches in sorted(best.items())]


def grouped(twins: Iterable[Twins]) -> dict[str, str]:
    """Map each content that has a twin to the leader of its group.

    Twins of twins are in one group: a collection holds those together that it contains. The leader is chosen
    by other digits of the contents than those that decide a split, so that large groups are held out no more
    often than others.
    """
    leader: dict[str, str] = {}

    def leader_of(content: str) -> str:
        while (above := leader.setdefault(content, content)) != content:
            content = above
        return content

    for pair in twins:
        leaders = {leader_of(pair.first), leader_of(pair.second)}
        first = min(leaders, key=lambda content: content[::-1])
        leader.update(dict.fromkeys(leaders, first))
    return {content: leader_of(content) for content in list(leader)}


def _matches(
    prints: Prints, piece: Int64[np.ndarray, " prints"], *, share: float
) -> Iterable[tuple[int, int, int]]:
    """Yield pairs of pieces and how many of their matches are in chains, from n-grams sorted by hash."""
    firsts, seconds, total = [], [], 0
    for distance in range(1, _NEIGHBOURS):
        equal = np.flatnonzero(prints["hash"][distance:] == prints["hash"][:-distance])
        total += len(equal)
        if not len(equal) or (total > _MOST_MATCHES and distance > 1):
            break
        firsts.append(equal)
        seconds.append(equal + distance)
    if not firsts:
        return
    first, second = np.concatenate(firsts), np.concatenate(seconds)
    num_pieces = int(piece.max()) + 1
    shift = prints["pitch"][first].astype(np.int64) - prints["pitch"][second] + _SHIFTS // 2
    key = (piece[first] * num_pieces + piece[second]) * _SHIFTS + shift
    order = np.argsort(key, kind="stable")
    key, first, second = key[order], first[order], second[order]
    bounds = np.flatnonzero(np.diff(key, prepend=-1, append=-1))
    fewest = _FEWEST_MATCHES + _FEWEST_IN_CHAIN - 1
    for at in np.flatnonzero(np.diff(bounds) >= fewest).tolist():
        members = slice(bounds[at], bounds[at + 1])
        places = prints["place"][first[members]], prints["place"][second[members]]
        chained = _num_chained(*(place.astype(np.int64) for place in places), reach=int(_REACH / share))
        if chained >= _FEWEST_MATCHES:
            pair = int(key[bounds[at]]) // _SHIFTS
            yield pair // num_pieces, pair % num_pieces, chained


def _num_chained(
    first: Int64[np.ndarray, " matches"], second: Int64[np.ndarray, " matches"], *, reach: int
) -> int:
    """Count matches that at least three others lead up to, in both pieces in the same order."""
    order = np.lexsort((second, first))
    first, second = first[order], second[order]
    lengths = np.ones(len(first), np.int64)
    for at in range(1, len(first)):
        before = slice(max(at - _LOOK_BACK, 0), at)
        steps, others = first[at] - first[before], second[at] - second[before]
        follows = (steps > 0) & (others > 0) & (steps <= reach)
        follows &= (steps <= 2 * others + 2) & (others <= 2 * steps + 2)
        if follows.any():
            lengths[at] = 1 + lengths[before][follows].max()
    return int((lengths >= _FEWEST_IN_CHAIN).sum())
