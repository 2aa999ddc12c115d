"""Which files are one part of many, by their names alone."""

import re
import zlib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Shard:
    """One part of all files: those whose name's checksum leaves `index` when divided by `count`.

    Attributes:
        index: Which part, from 0.
        count: How many parts there are; 1 is everything.

    Raises:
        ValueError: There is no such part.
    """

    index: int = 0
    count: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.index < self.count:
            last = max(self.count, 1) - 1
            raise ValueError(f"shard={self}: the shards are numbered 0/{last + 1} to {last}/{last + 1}")

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Read `i/n`.

        Raises:
            ValueError: It is not of that form, or there is no such part.
        """
        found = re.fullmatch(r"(\d+)/(\d+)", text.strip())
        if found is None:
            raise ValueError(f"shard={text}; use i/n, for example shard=0/16 to shard=15/16")
        return cls(int(found[1]), int(found[2]))

    def holds(self, path: Path) -> bool:
        """Check whether a file belongs to the part."""
        name = path.name.encode(errors="surrogateescape")
        return zlib.crc32(name) % self.count == self.index


WHOLE = Shard()
