"""Interfaces of sources of pieces."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from musicgen.data.catalogue.pieces import Piece
from musicgen.data.catalogue.shards import WHOLE, Shard


@runtime_checkable
class Source(Protocol):
    """A source of pieces."""

    name: str

    def pieces(self, shard: Shard = WHOLE) -> Sequence[Piece]:
        """List every piece, sorted by file name; those that are not of the shard may have no content."""
        ...


@runtime_checkable
class NamedSource(Source, Protocol):
    """A source that knows who wrote what before it reads or fetches anything."""

    def names(self) -> Sequence[Piece]:
        """List every piece by its name alone, without content, in any order; nothing is read or written."""
        ...


@runtime_checkable
class SelectiveSource(NamedSource, Protocol):
    """A source whose pieces take work before they can be read, such as scores to be converted."""

    def pieces_named(self, names: Sequence[Piece]) -> Sequence[Piece]:
        """List these of the pieces of `names()` alone, sorted by file name."""
        ...
