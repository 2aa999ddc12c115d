"""The catalogue: which pieces there are, which are chosen, and on which side of the split each one falls."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from musicgen.data.catalogue.passages import Span
from musicgen.data.catalogue.pieces import Piece, contents_of, kept
from musicgen.data.catalogue.shards import WHOLE, Shard
from musicgen.data.sources.composers import UNKNOWN, normalise

ERAS = ("baroque", "classical", "romantic", "modern", UNKNOWN)
SPLITS = ("train", "val", "test")
_ERA_ENDS = (("baroque", 1710), ("classical", 1795), ("romantic", 1885))


@runtime_checkable
class Source(Protocol):
    """Where pieces come from."""

    name: str

    def pieces(self, shard: Shard = WHOLE) -> Sequence[Piece]:
        """List every piece, sorted by file name; those that are not of the shard may have no content."""
        ...


def era_of(birth_year: int | None) -> str:
    """Name the era by birth year: before 1710, before 1795, before 1885, or later; None is ``unknown``."""
    if birth_year is None:
        return UNKNOWN
    return next((era for era, end in _ERA_ENDS if birth_year < end), "modern")


def distinct(pieces: Sequence[Piece]) -> Sequence[Piece]:
    """Keep the first piece of every content, in the order given; unreadable files all stay."""
    beginnings = (int(content[:16] or "0", 16) for content in contents_of(pieces))
    keys = np.fromiter(beginnings, np.uint64, count=len(pieces))
    order, is_kept = np.argsort(keys, kind="stable"), np.ones(len(pieces), bool)
    seen, last = set(), -1
    for place in (np.flatnonzero(keys[order[1:]] == keys[order[:-1]]) + 1).tolist():
        before, number = order[place - 1 : place + 1].tolist()
        if place != last + 1:  # the second of those that begin alike
            seen = {pieces[before].content}
        content, last = pieces[number].content, place
        is_kept[number] = not content or content not in seen
        seen.add(content)
    return kept(pieces, is_kept)


def hash_position(content: str) -> float:
    """Place a content in [0, 1) by its hash: the number that decides its split."""
    return int(content[:8], 16) / 2**32


def check_fractions(*, val_fraction: float, test_fraction: float) -> None:
    """Make sure that held-out shares can be had.

    Raises:
        ValueError: A fraction is negative, or both together leave nothing to train on.
    """
    if not (val_fraction >= 0 and test_fraction >= 0 and val_fraction + test_fraction < 1):
        raise ValueError(
            f"val_fraction={val_fraction} and test_fraction={test_fraction}: both must be at least 0 and "
            "their sum below 1, or nothing is left to train on; 0.1 and 0.1 are the defaults"
        )


def split_of(content: str, *, val_fraction: float, test_fraction: float) -> str:
    """Tell the split of a piece from its content alone, so that adding pieces moves none.

    Raises:
        ValueError: A fraction is negative, or both together leave nothing to train on.
    """
    check_fractions(val_fraction=val_fraction, test_fraction=test_fraction)
    position = hash_position(content)
    if position < val_fraction:
        return "val"
    return "test" if position < val_fraction + test_fraction else "train"


@runtime_checkable
class Musical(Protocol):
    """Chooses pieces by what they are as music."""

    def of(self, pieces: Sequence[Piece]) -> Sequence[Piece]:
        """Give those of the pieces that are what is asked for, in their order; an error for none."""
        ...

    def passages(self, pieces: Sequence[Piece]) -> Mapping[str, tuple[Span, ...]] | None:
        """Give the passages of each content that are taken; None where whole pieces are."""
        ...


@dataclass(frozen=True)
class PieceFilter:
    """Which of a source's pieces to take. Everything given must hold; of a list, one entry must.

    Attributes:
        composer: Surname or full name in either order, accents and case aside; initials work too.
        era: Names from ``ERAS``.
        title: A part of the title, accents and case aside.
        musical: What the pieces must be as music.
        max_pieces: At most so many distinct pieces, chosen by a hash of their content (not the hash of the
            split), so that the sample is spread over the source and the same every time.
    """

    composer: str | Sequence[str] | None = None
    era: str | Sequence[str] | None = None
    title: str | Sequence[str] | None = None
    musical: Musical | None = None
    max_pieces: int | None = None

    def apply(self, pieces: Sequence[Piece]) -> Sequence[Piece]:
        """Give the chosen pieces in their order.

        Pieces are asked what they are as music last, and only those that are chosen by everything else; of
        these ``max_pieces`` are taken.

        Raises:
            ValueError: A composer, era or title that no piece has (the message offers the nearest known
                ones), a combination that no piece has, or ``max_pieces`` below 1.
        """
        if self.max_pieces is not None and self.max_pieces < 1:
            raise ValueError(f"max_pieces={self.max_pieces} chooses nothing; give 1 or more, or null for all")
        chosen = _of_composers(pieces, _as_list(self.composer))
        chosen = _of_eras(chosen, _as_list(self.era))
        chosen = _of_titles(chosen, _as_list(self.title))
        if chosen and self.musical is not None:
            chosen = self.musical.of(chosen)
        if not chosen and pieces:
            raise ValueError(
                f"no piece fits composer={self.composer}, era={self.era} and title={self.title} together; "
                "drop one of them"
            )
        return chosen if self.max_pieces is None else _sample(chosen, self.max_pieces)


def _as_list(wanted: str | Sequence[str] | None) -> list[str]:
    if wanted is None:
        return []
    return [wanted] if isinstance(wanted, str) else [str(one) for one in wanted]


def _of_composers(pieces: Sequence[Piece], wanted: list[str]) -> Sequence[Piece]:
    if not wanted:
        return pieces
    names = {piece.composer: _forms(piece) for piece in pieces}
    known = {form: composer for composer, forms in names.items() for form in forms}
    for one in wanted:
        if normalise(one) not in known:
            offers = [
                known[form] for form in difflib.get_close_matches(normalise(one), known, n=5, cutoff=0.6)
            ]
            raise ValueError(_unknown("composer", one, offers or sorted(names)))
    keys = {normalise(one) for one in wanted}
    return kept(pieces, (not keys.isdisjoint(names[piece.composer]) for piece in pieces))


def _forms(piece: Piece) -> frozenset[str]:
    """Give the ways to write a composer's name: surname, both orders, and with initials."""
    full, surname = normalise(piece.composer), normalise(piece.surname)
    first = " ".join(full.removesuffix(surname).split())
    initials = " ".join(word[0] for word in first.split())
    return frozenset(form.strip() for form in (surname, full, f"{surname} {first}", f"{initials} {surname}"))


def _of_eras(pieces: Sequence[Piece], wanted: list[str]) -> Sequence[Piece]:
    if not wanted:
        return pieces
    for one in wanted:
        if one.casefold() not in ERAS:
            offers = difflib.get_close_matches(one.casefold(), ERAS, n=1)
            raise ValueError(_unknown("era", one, offers or list(ERAS)))
    keys = {one.casefold() for one in wanted}
    return kept(pieces, (piece.era in keys for piece in pieces))


def _of_titles(pieces: Sequence[Piece], wanted: list[str]) -> Sequence[Piece]:
    if not wanted:
        return pieces
    titles = {piece.title: normalise(piece.title) for piece in pieces}
    for one in wanted:
        if pieces and not any(normalise(one) in title for title in titles.values()):
            words = {word: word for title in titles.values() for word in title.split()}
            known = words | {title: shown for shown, title in titles.items()}
            offers = [
                known[match] for match in difflib.get_close_matches(normalise(one), known, n=5, cutoff=0.6)
            ]
            raise ValueError(_unknown("title", one, offers or sorted(titles)))
    keys = [normalise(one) for one in wanted]
    return kept(pieces, (any(key in titles[piece.title] for key in keys) for piece in pieces))


def _unknown(kind: str, wanted: str, offers: Iterable[str]) -> str:
    offered = list(dict.fromkeys(offers))
    shown = ", ".join(repr(offer) for offer in offered[:8]) + (", …" if len(offered) > 8 else "")
    return f"{kind}={wanted!r} fits no piece here; nearest known: {shown or 'none'}"


def _sample(pieces: Sequence[Piece], max_pieces: int) -> Sequence[Piece]:
    """Take the contents smallest by hash digits that the split does not use; then a sample is a fair one."""
    ranked = sorted(distinct(pieces), key=lambda piece: (piece.content[8:24], str(piece.path)))
    taken = {piece.path for piece in ranked[:max_pieces]}
    return kept(pieces, (piece.path in taken for piece in pieces))
