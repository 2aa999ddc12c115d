"""What is known of cut pieces without their slices: of one, and of many in few bytes each."""

from collections.abc import Iterator, MutableMapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from musicgen.data.catalogue.pieces import DIGEST_BYTES, Digests
from musicgen.music.notes import ReadCounts

_UNKNOWN = -1


@dataclass(frozen=True, slots=True)
class PieceFacts:
    """What is known of a piece without its slices.

    Attributes:
        num_quarters: Length in quarters.
        num_notes: Notes that were drawn.
        counts: What the reader met that is no plain note.
        error: Why the file cannot be read as music; empty for a readable one.
        transient: The error belongs to the moment (a vanished file), not to the content: never cached.
    """

    num_quarters: int = 0
    num_notes: int = 0
    counts: ReadCounts = field(default_factory=ReadCounts)
    error: str = ""
    transient: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Give plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "PieceFacts":
        """Read back what ``to_dict`` gave."""
        return cls(**{**values, "counts": ReadCounts(**values["counts"])})


class FactsTable(MutableMapping[str, PieceFacts]):
    """Facts by content as columns: 20 bytes a piece, where a dictionary of objects takes 350.

    Args:
        digests: Contents of the pieces that facts may be kept of, as bytes, in any order, each once; they are
            not copied. Empty ones, of unread pieces, are passed over.
    """

    def __init__(self, digests: Digests):
        self._digests = digests if (digests != b"").all() else digests[digests != b""]
        self._order = np.argsort(self._digests, kind="stable")
        self._lengths = np.zeros((len(self._order), 2), np.uint32)
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
        num_quarters, num_notes = self._lengths[row].tolist()
        counts, error, transient = self._other_facts[self._others[row]]
        return PieceFacts(num_quarters, num_notes, counts, error, transient)

    def __setitem__(self, content: str, facts: PieceFacts) -> None:
        row, other = self._row(content), (facts.counts, facts.error, facts.transient)
        number = self._numbers.setdefault(other, len(self._numbers))
        if number == len(self._other_facts):
            self._other_facts.append(other)
        self._lengths[row] = facts.num_quarters, facts.num_notes
        self._others[row] = number

    def __delitem__(self, content: str) -> None:
        self._others[self._row(content)] = _UNKNOWN

    def clear(self) -> None:
        """Forget all facts; the contents stay."""
        self._others[:] = _UNKNOWN

    def contents(self) -> Iterator[str]:
        """Go through all contents, known or not, in hex and in order."""
        return (self._hex(row) for row in range(len(self._order)))

    def _hex(self, row: int) -> str:
        return bytes(self._digests[self._order[row]]).ljust(DIGEST_BYTES, b"\0").hex()

    def _row(self, content: str) -> int:
        digest = bytes.fromhex(content)
        row = int(np.searchsorted(self._digests, digest, sorter=self._order))
        if row == len(self._order) or self._digests[self._order[row]] != digest.rstrip(b"\0"):
            raise KeyError(content)
        return row
