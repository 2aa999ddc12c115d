"""Choose pieces by composer, era, title and music."""

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from musicgen.data.catalogue.analysis import Analysis
from musicgen.data.catalogue.music_filter import MusicFilter, as_list
from musicgen.data.catalogue.pieces import Piece, distinct, kept
from musicgen.data.catalogue.shards import WHOLE, Shard
from musicgen.data.sources.composers import ERAS, normalise
from musicgen.data.sources.source import NamedSource, SelectiveSource, Source

Analyse = Callable[[Sequence[Piece]], Mapping[str, Analysis]]


@dataclass(frozen=True)
class PieceFilter:
    """Select pieces of a source: all settings must hold; of a list, any entry.

    Attributes:
        composer: Surname or full name in either order, accents and case aside; initials work too, and a
            comma between surname and first name.
        era: Names from ``ERAS``.
        title: A part of the title, accents and case aside.
        music: Musical criteria.
        max_pieces: At most so many distinct pieces, chosen by a hash of their content (not the hash of the
            split), so that the sample is spread over the source and the same every time.
    """

    composer: str | Sequence[str] | None = None
    era: str | Sequence[str] | None = None
    title: str | Sequence[str] | None = None
    music: MusicFilter | None = None
    max_pieces: int | None = None

    def apply(self, pieces: Sequence[Piece], *, analyse: Analyse | None = None) -> Sequence[Piece]:
        """Return the chosen pieces in their order.

        Args:
            pieces: All of a source.
            analyse: Returns analyses by content; needed where ``music`` is set. Called last, with the pieces
                that all else has chosen.

        Raises:
            ValueError: A composer, era or title that no piece has (the message offers the nearest known
                ones), a combination that no piece has, or ``max_pieces`` below 1.
        """
        if self.max_pieces is not None and self.max_pieces < 1:
            raise ValueError(f"max_pieces={self.max_pieces} chooses nothing; use 1 or more, or null for all")
        chosen = _of_composers(pieces, as_list(self.composer))
        chosen = _of_eras(chosen, as_list(self.era))
        chosen = _of_titles(chosen, as_list(self.title))
        if chosen and self.music is not None:
            assert analyse is not None, "a choice by music needs analyses"
            chosen = self.music.apply(chosen, analyse(chosen))
        if not chosen and pieces:
            raise ValueError(
                f"no piece fits composer={self.composer}, era={self.era} and title={self.title} together; "
                "drop one of them"
            )
        return chosen if self.max_pieces is None else _sample(chosen, self.max_pieces)

    def choose(
        self, source: Source, *, shard: Shard = WHOLE, analyse: Analyse | None = None
    ) -> Sequence[Piece]:
        """Return the chosen pieces of a source; where it must convert them, only what the names leave.

        Args:
            source: Where pieces come from.
            shard: As in `Source.pieces`; a source that must convert its pieces gives those of all shards.
            analyse: As in `apply`.

        Raises:
            ValueError: As in `apply`.
        """
        named = self.composer or self.era or self.title
        if named and isinstance(source, SelectiveSource):
            rest = replace(self, composer=None, era=None, title=None)  # names that one dropped fit no other
            return rest.apply(source.pieces_named(self.by_name(source)), analyse=analyse)
        pieces = source.pieces() if shard == WHOLE else source.pieces(shard)  # a source need not know shards
        return self.apply(pieces, analyse=analyse)

    def by_name(self, source: NamedSource) -> Sequence[Piece]:
        """Choose by composer, era and title among what a source names; no piece is read.

        Raises:
            ValueError: As in `apply`.
        """
        return replace(self, music=None, max_pieces=None).apply(source.names())


def _of_composers(pieces: Sequence[Piece], wanted: list[str]) -> Sequence[Piece]:
    if not wanted:
        return pieces
    names = {piece.composer: _forms(piece) for piece in pieces}
    known = {form: composer for composer, forms in names.items() for form in forms}
    wanted = _rejoined(wanted, lambda name: name in known)
    for name in wanted:
        if normalise(name) not in known:
            offers = [
                known[form] for form in difflib.get_close_matches(normalise(name), known, n=5, cutoff=0.6)
            ]
            raise ValueError(_unknown("composer", name, offers or sorted(names)))
    keys = {normalise(name) for name in wanted}
    return kept(pieces, (not keys.isdisjoint(names[piece.composer]) for piece in pieces))


def _forms(piece: Piece) -> frozenset[str]:
    """List the ways to write a composer's name: surname, both orders, and with initials."""
    full, surname = normalise(piece.composer), normalise(piece.surname)
    first = " ".join(full.removesuffix(surname).split())
    initials = " ".join(word[0] for word in first.split())
    return frozenset(form.strip() for form in (surname, full, f"{surname} {first}", f"{initials} {surname}"))


def _of_eras(pieces: Sequence[Piece], wanted: list[str]) -> Sequence[Piece]:
    if not wanted:
        return pieces
    for name in wanted:
        if name.casefold() not in ERAS:
            offers = difflib.get_close_matches(name.casefold(), ERAS, n=1)
            raise ValueError(_unknown("era", name, offers or list(ERAS)))
    keys = {name.casefold() for name in wanted}
    return kept(pieces, (piece.era in keys for piece in pieces))


def _of_titles(pieces: Sequence[Piece], wanted: list[str]) -> Sequence[Piece]:
    if not wanted:
        return pieces
    titles = {piece.title: normalise(piece.title) for piece in pieces}
    wanted = _rejoined(wanted, lambda name: any(name in title for title in titles.values()))
    for name in wanted:
        if pieces and not any(normalise(name) in title for title in titles.values()):
            words = {word: word for title in titles.values() for word in title.split()}
            known = words | {title: shown for shown, title in titles.items()}
            offers = [
                known[match] for match in difflib.get_close_matches(normalise(name), known, n=5, cutoff=0.6)
            ]
            raise ValueError(_unknown("title", name, offers or sorted(titles)))
    keys = [normalise(name) for name in wanted]
    return kept(pieces, (any(key in titles[piece.title] for key in keys) for piece in pieces))


def _rejoined(wanted: list[str], fits: Callable[[str], bool]) -> list[str]:
    """Join what commas parted where a piece has it so: `Liszt, Franz` and `Nocturne, Op.9` are one name."""
    whole = ", ".join(wanted)
    return [whole] if len(wanted) > 1 and fits(normalise(whole)) else wanted


def _unknown(kind: str, wanted: str, offers: Iterable[str]) -> str:
    offered = list(dict.fromkeys(offers))
    shown = ", ".join(repr(offer) for offer in offered[:8]) + (", …" if len(offered) > 8 else "")
    return f"{kind}={wanted!r} fits no piece here; nearest known: {shown or 'none'}"


def _sample(pieces: Sequence[Piece], max_pieces: int) -> Sequence[Piece]:
    """Take the smallest contents by hash digits that the split does not use, so that the sample is fair."""
    ranked = sorted(distinct(pieces), key=lambda piece: (piece.content[8:24], str(piece.path)))
    taken = {piece.path for piece in ranked[:max_pieces]}
    return kept(pieces, (piece.path in taken for piece in pieces))
