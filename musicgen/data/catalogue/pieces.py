"""Pieces of music: one, and a compact table of many."""

import heapq
import os
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np
from jaxtyping import Integer, Shaped

DIGEST_BYTES = 32
Digests = Shaped[np.ndarray, " pieces"]
"""Contents as bytes (dtype S32); empty where a piece was not read."""
_UNREAD = bytes(DIGEST_BYTES)


@dataclass(frozen=True, slots=True)
class Piece:
    """One file of music.

    Attributes:
        path: Where the MIDI file lies.
        content: SHA-256 of the file in hex; empty where the file could not be read.
        composer: Full name, first name first, or ``unknown``.
        surname: The part of the name that lists are sorted by, or ``unknown``.
        title: Title, without composer and identifier.
        era: One of ``ERAS``.
    """

    path: Path
    content: str
    composer: str
    surname: str
    title: str
    era: str


class PieceTable(Sequence[Piece]):
    """Pieces as columns: 60 bytes and its file name each, where objects take a kilobyte.

    A piece is made anew whenever it is asked for. A title that is a part of the file's name takes no room.

    Args:
        pieces: What to hold; gone through once. Contents must be empty or 64 hex digits.
    """

    def __init__(self, pieces: Iterable[Piece]):
        folders: dict[str, int] = {}
        people: dict[tuple[str, str, str], int] = {}
        texts, contents = bytearray(), bytearray()
        numbers, lengths, starts = array("I"), array("H"), array("Q")
        for piece in pieces:
            name, title = os.fsencode(piece.path.name), piece.title.encode(errors="surrogateescape")
            title_at = name.find(title)
            starts.append(len(texts))
            texts += name if title_at >= 0 else name + title
            contents += bytes.fromhex(piece.content) or _UNREAD
            person = (piece.composer, piece.surname, piece.era)
            numbers.append(folders.setdefault(os.path.dirname(piece.path), len(folders)))
            numbers.append(people.setdefault(person, len(people)))
            lengths.extend((len(name), title_at if title_at >= 0 else len(name), len(title)))
        self._folders, self._people = list(folders), list(people)
        self._texts, self._contents = bytes(texts), bytes(contents)
        self._starts = np.frombuffer(starts, np.uint64)
        self._numbers = np.frombuffer(numbers, np.uint32).reshape(-1, 2)
        self._lengths = np.frombuffer(lengths, np.uint16).reshape(-1, 3)
        self._rows = np.arange(len(self._starts), dtype=np.uint32)

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, number: int) -> Piece: ...

    @overload
    def __getitem__(self, number: slice) -> "PieceTable": ...

    def __getitem__(self, number: int | slice) -> "Piece | PieceTable":
        if isinstance(number, slice):
            return self.take(np.arange(len(self))[number])
        row = int(self._rows[number])
        folder, person = self._numbers[row].tolist()
        length, title_at, title_length = self._lengths[row].tolist()
        text = memoryview(self._texts)[int(self._starts[row]) :]
        composer, surname, era = self._people[person]
        return Piece(
            path=Path(self._folders[folder], os.fsdecode(bytes(text[:length]))),
            content=self._content(row),
            composer=composer,
            surname=surname,
            title=bytes(text[title_at : title_at + title_length]).decode(errors="surrogateescape"),
            era=era,
        )

    def __iter__(self) -> Iterator[Piece]:
        return (self[number] for number in range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or len(other) != len(self):
            return False
        return all(mine == its for mine, its in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def contents(self) -> Iterator[str]:
        """Iterate over the contents alone, which is faster."""
        for row in map(int, self._rows):
            yield self._content(row)

    def by_name(self) -> "PieceTable":
        """Sort by file name, then folder; the pieces of each folder must be sorted already."""
        ends = np.flatnonzero(np.diff(self._numbers[self._rows, 0])) + 1
        runs = np.split(self._rows, ends)  # a folder each; only one row of each is at hand at a time
        names = (((self._name(row), row) for row in map(int, rows)) for rows in runs)
        rows = np.fromiter((row for _, row in heapq.merge(*names)), np.uint32, count=len(self))
        taken = self.take(rows[:0])
        taken._rows = rows
        return taken

    def _name(self, row: int) -> bytes:
        start = int(self._starts[row])
        return self._texts[start : start + int(self._lengths[row, 0])]

    def digests(self) -> Digests:
        """Return the contents as bytes, in any order; not copied for a whole table."""
        digests = np.frombuffer(self._contents, f"S{DIGEST_BYTES}")
        return digests if len(self) == len(digests) else digests[self._rows]

    def _content(self, row: int) -> str:
        content = self._contents[row * DIGEST_BYTES : (row + 1) * DIGEST_BYTES]
        return "" if content == _UNREAD else content.hex()

    def take(self, numbers: Integer[np.ndarray, " kept"]) -> "PieceTable":
        """Return some of the pieces, in the order of their numbers; they share the columns."""
        taken = object.__new__(PieceTable)
        taken.__dict__.update(self.__dict__)
        taken._rows = self._rows[numbers]
        return taken


def contents_of(pieces: Sequence[Piece]) -> Iterator[str]:
    """Iterate over the contents of pieces in their order."""
    return pieces.contents() if isinstance(pieces, PieceTable) else (piece.content for piece in pieces)


def digests_of(pieces: Sequence[Piece]) -> Digests:
    """Return the contents of pieces as bytes, in any order; those of a whole table are not copied."""
    if isinstance(pieces, PieceTable):
        return pieces.digests()
    return np.array([bytes.fromhex(piece.content) for piece in pieces], f"S{DIGEST_BYTES}")


def kept(pieces: Sequence[Piece], keep: Iterable[bool | np.bool_]) -> Sequence[Piece]:
    """Return those of the pieces that are to be kept, in the same form: a table stays a table."""
    is_kept = np.fromiter(keep, dtype=bool, count=len(pieces))
    if is_kept.all():
        return pieces
    numbers = np.flatnonzero(is_kept)
    return (
        pieces.take(numbers)
        if isinstance(pieces, PieceTable)
        else [pieces[number] for number in numbers.tolist()]
    )


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
