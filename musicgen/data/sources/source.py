"""Interface of sources of pieces."""

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
