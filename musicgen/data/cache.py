"""The cache of cut pieces: one file per piece content and grid, whole or not at all, checked when read."""

import json
import logging
import struct
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from jaxtyping import UInt32

from musicgen.data.atomic import atomic_file
from musicgen.data.hashing import hash_file
from musicgen.music.grid import NUM_PITCHES, Grid
from musicgen.music.midi import MidiError
from musicgen.music.notes import ReadCounts

logger = logging.getLogger(__name__)

WORD = np.dtype("<u4")
BYTES_PER_QUARTER = NUM_PITCHES * WORD.itemsize
_MAGIC = b"MGPIECE2"
_HEAD = struct.Struct("<8sII")  # magic, bytes of facts, checksum of facts
_TAIL = struct.Struct("<I")

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class PieceFacts:
    """What is known of a piece without its words.

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
        return cls(**{**values, "counts": _counts(**values["counts"])})


@lru_cache(maxsize=4096)
def _counts(**counts: int) -> ReadCounts:
    """Give equal counts as one object: of a million pieces most have none."""
    return ReadCounts(**counts)


class PieceCache:
    """Cut pieces on disk, by content and grid.

    An entry is a JSON head with the facts and its checksum, the words (``<u4``, 352 bytes a quarter) and a
    checksum of all.
    Entries are deterministic and take their name only when whole, so any number of processes may fill one
    cache at once. A file that is no music has an entry too, with the reason and no words.

    Args:
        cache_dir: Folder of all caches.
        grid: How time becomes ticks; its ``key`` names the subfolder.
    """

    def __init__(self, cache_dir: Path, grid: Grid):
        self.grid = grid
        self.folder = Path(cache_dir) / "pieces" / grid.key

    def path_of(self, content: str) -> Path:
        """Tell where the entry of a content lies."""
        return self.folder / content[:2] / f"{content}.piece"

    def facts(self, content: str) -> PieceFacts | None:
        """Read the facts of an entry, without its words; None where there is no whole entry."""
        return self._checked(content, _read_facts)

    def words(self, content: str) -> UInt32[np.ndarray, "quarters pitches"] | None:
        """Read the words of an entry and check them; None where there is no sound entry."""
        return self._checked(content, _read_words)

    def _checked(self, content: str, read: Callable[[Path], Result]) -> Result | None:
        path = self.path_of(content)
        try:
            return read(path)
        except FileNotFoundError:
            return None
        except ValueError as error:
            logger.warning("cache entry %s is damaged (%s) and is made again", path, error)
            return None

    def read_piece(self, path: Path, content: str) -> PieceFacts:
        """Read and cut a file, and keep the result unless the file is not the one that was listed."""
        try:
            if hash_file(path) != content:
                return PieceFacts(error="the file changed while it was read; run again", transient=True)
            drawn = self.grid.read(path)
        except OSError as error:
            return PieceFacts(error=f"cannot be read: {error.strerror or error}", transient=True)
        except MidiError as error:
            facts = PieceFacts(error=error.reason, transient=isinstance(error.__cause__, OSError))
            return facts if facts.transient else self._keep(content, facts, np.empty((0, NUM_PITCHES), WORD))
        except Exception as error:
            error.add_note(f"while reading {path}")
            raise
        error = "" if len(drawn.words) else "no notes on the grid"
        facts = PieceFacts(len(drawn.words), drawn.num_notes, drawn.counts, error)
        return self._keep(content, facts, drawn.words)

    def _keep(self, content: str, facts: PieceFacts, words: np.ndarray) -> PieceFacts:
        head = json.dumps(facts.to_dict(), sort_keys=True).encode()
        body = np.ascontiguousarray(words, dtype=WORD).tobytes()
        data = _HEAD.pack(_MAGIC, len(head), zlib.crc32(head)) + head + body
        with atomic_file(self.path_of(content)) as file:
            file.write(data)
            file.write(_TAIL.pack(zlib.crc32(data)))
        return facts


def _read_facts(path: Path) -> PieceFacts:
    """Read the head of an entry; the size of the file must be the one that the head promises."""
    with path.open("rb") as file:
        head = file.read(_HEAD.size)
        if len(head) < _HEAD.size:
            raise ValueError("truncated")
        magic, head_bytes, checksum = _HEAD.unpack(head)
        if magic != _MAGIC:
            raise ValueError("not a cache entry")
        text = file.read(head_bytes)
        if zlib.crc32(text) != checksum:
            raise ValueError("the checksum of its head does not fit")
        facts = PieceFacts.from_dict(json.loads(text))
    expected = _HEAD.size + head_bytes + facts.num_quarters * BYTES_PER_QUARTER + _TAIL.size
    if path.stat().st_size != expected:
        raise ValueError(f"{path.stat().st_size} bytes instead of {expected}")
    return facts


def _read_words(path: Path) -> UInt32[np.ndarray, "quarters pitches"]:
    """Read an entry as a whole and compare its checksum."""
    data = path.read_bytes()
    if len(data) < _HEAD.size + _TAIL.size:
        raise ValueError("truncated")
    (checksum,) = _TAIL.unpack(data[-_TAIL.size :])
    if zlib.crc32(memoryview(data)[: -_TAIL.size]) != checksum:
        raise ValueError("its checksum does not fit")
    _, head_bytes, _ = _HEAD.unpack_from(data)
    words = np.frombuffer(data, dtype=np.uint8)[_HEAD.size + head_bytes : -_TAIL.size]
    return words.view(WORD).reshape(-1, NUM_PITCHES)
