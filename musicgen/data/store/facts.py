"""Metadata of cut pieces (length, notes, errors): of one, of many in memory, and in the catalogue."""

import json
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from musicgen.data.catalogue.content_hashes import catalogue_path
from musicgen.data.catalogue.pieces import DIGEST_BYTES, Digests
from musicgen.files.table import Table
from musicgen.music.notes import ReadCounts

_UNKNOWN = -1


@dataclass(frozen=True, slots=True)
class PieceFacts:
    """Metadata of a piece on a grid.

    Attributes:
        num_quarters: Length in quarters.
        num_notes: Notes that were drawn.
        counts: What the reader met that is no plain note.
        error: Why the file cannot be read as music; empty for a readable one.
        transient: The error belongs to the moment (a vanished file), not to the content: never cached.
        cut_quarters: Silence and drones that were cut, in quarters.
    """

    num_quarters: int = 0
    num_notes: int = 0
    counts: ReadCounts = field(default_factory=ReadCounts)
    error: str = ""
    transient: bool = False
    cut_quarters: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "PieceFacts":
        """Read back what ``to_dict`` returned."""
        return cls(**{**values, "counts": ReadCounts(**values["counts"])})


class FactsTable(MutableMapping[str, PieceFacts]):
    """Facts by content as columns: 24 bytes per piece, where a dictionary of objects takes 350.

    Args:
        digests: Contents of the pieces that facts may be kept of, as bytes, in any order, each once; they are
            not copied. Empty ones, of unread pieces, are passed over.
    """

    def __init__(self, digests: Digests):
        self._digests = digests if (digests != b"").all() else digests[digests != b""]
        self._order = np.argsort(self._digests, kind="stable")
        self._lengths = np.zeros((len(self._order), 3), np.uint32)
        self._others = np.full(len(self._order), _UNKNOWN, np.int32)
        self._other_facts: list[tuple[ReadCounts, str, bool]] = []  # most pieces share one
        self._numbers: dict[tuple[ReadCounts, str, bool], int] = {}

    def __len__(self) -> int:
        return int((self._others != _UNKNOWN).sum())

    def __iter__(self) -> Iterator[str]:
        return (self._hex(row) for row in range(len(self._others)) if self._others[row] != _UNKNOWN)

    def __getitem__(self, content: str) -> PieceFacts:
        row = self._row(content)
        if self._others[row] == _UNKNOWN:
            raise KeyError(content)
        num_quarters, num_notes, cut_quarters = self._lengths[row].tolist()
        counts, error, transient = self._other_facts[self._others[row]]
        return PieceFacts(num_quarters, num_notes, counts, error, transient, cut_quarters)

    def __setitem__(self, content: str, facts: PieceFacts) -> None:
        row, other = self._row(content), (facts.counts, facts.error, facts.transient)
        number = self._numbers.setdefault(other, len(self._numbers))
        if number == len(self._other_facts):
            self._other_facts.append(other)
        self._lengths[row] = facts.num_quarters, facts.num_notes, facts.cut_quarters
        self._others[row] = number

    def __delitem__(self, content: str) -> None:
        self._others[self._row(content)] = _UNKNOWN

    def contents(self) -> Iterator[str]:
        """Iterate over all contents, known or not, in hex and sorted."""
        return (self._hex(row) for row in range(len(self._order)))

    def _hex(self, row: int) -> str:
        return bytes(self._digests[self._order[row]]).ljust(DIGEST_BYTES, b"\0").hex()

    def _row(self, content: str) -> int:
        digest = bytes.fromhex(content)
        row = int(np.searchsorted(self._digests, digest, sorter=self._order))
        if row == len(self._order) or self._digests[self._order[row]] != digest.rstrip(b"\0"):
            raise KeyError(content)
        return row


class FactsOnDisk:
    """Facts in the catalogue of a cache, by content and grid, so that a warm start opens no entry.

    Args:
        cache_dir: Folder of all caches.
        key: Names the grid and the version of what cuts pieces (see ``PieceCache``).
    """

    def __init__(self, cache_dir: Path, *, key: str):
        self._grid_key = key
        self._table = Table(
            catalogue_path(cache_dir),
            name="cuts",
            key={"content": "BLOB", "grid": "TEXT"},
            values={
                **{"quarters": "INTEGER", "notes": "INTEGER", "cut": "INTEGER"},
                **{"counts": "TEXT", "error": "TEXT"},
            },
        )

    def get(self, content: str) -> PieceFacts | None:
        """Return the facts of a content (hex); None where they are not known."""
        found = self._table.get(bytes.fromhex(content), self._grid_key)
        if found is None:
            return None
        num_quarters, num_notes, cut, counts, error = found
        counts = ReadCounts(**json.loads(counts))
        return PieceFacts(num_quarters, num_notes, counts, error, cut_quarters=cut)

    @contextmanager
    def writer(self) -> Iterator[Callable[[str, PieceFacts], None]]:
        """Yield a function that remembers facts by content, except transient ones.

        Raises:
            OSError: The catalogue cannot be written (full disk, read-only folder).
        """
        with self._table.writer() as remember:

            def remember_facts(content: str, facts: PieceFacts) -> None:
                if not facts.transient:
                    counts = {name: count for name, count in asdict(facts.counts).items() if count}
                    lengths = facts.num_quarters, facts.num_notes, facts.cut_quarters
                    key = bytes.fromhex(content), self._grid_key
                    remember(*key, *lengths, json.dumps(counts), facts.error)

            yield remember_facts
