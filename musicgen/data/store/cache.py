"""The cache of cut pieces: one file per piece content and grid, whole or not at all, checked when read."""

import json
import logging
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
from jaxtyping import UInt32

from musicgen.data.store.facts import PieceFacts
from musicgen.files.atomic import atomic_file
from musicgen.files.hashing import hash_file
from musicgen.music.grid import NUM_PITCHES, Grid
from musicgen.music.midi import MidiError

logger = logging.getLogger(__name__)

WORD = np.dtype("<u4")
BYTES_PER_QUARTER = NUM_PITCHES * WORD.itemsize
_MAGIC = b"MGPIECE3"
_HEAD = struct.Struct(
    "<8sIII"
)  # magic, bytes of facts, numbers that are not 0, checksum of these and the facts
_TAIL = struct.Struct("<I")

Result = TypeVar("Result")


class PieceCache:
    """Cut pieces on disk, by content and grid.

    An entry is a JSON head with the facts and its checksum, a bit for each pitch of each quarter that says
    whether anything sounds, the numbers of those (``<u4``) and a checksum of all: an eighth of what slices
    take when they are spread out.
    Entries are deterministic and take their name only when whole, so any number of processes may fill one
    cache at once. A file that is no music has an entry too, with the reason and no slices.

    Args:
        cache_dir: Folder of all caches.
        grid: How time becomes ticks; its ``key`` names the subfolder.
    """

    def __init__(self, cache_dir: Path, grid: Grid):
        self.grid = grid
        self.folder = Path(cache_dir) / "entries" / grid.key

    def path_of(self, content: str) -> Path:
        """Tell where the entry of a content lies."""
        return self.folder / content[:2] / f"{content}.piece"

    def facts(self, content: str) -> PieceFacts | None:
        """Read the facts of an entry, without its slices; None where there is no whole entry."""
        return self._checked(content, _read_facts)

    def packed(self, content: str) -> UInt32[np.ndarray, "quarters pitches"] | None:
        """Read the packed slices of an entry and check them; None where there is no sound entry."""
        return self._checked(content, _read_packed)

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
        error = "" if len(drawn.packed) else "no notes on the grid"
        facts = PieceFacts(len(drawn.packed), drawn.num_notes, drawn.counts, error)
        return self._keep(content, facts, drawn.packed)

    def _keep(self, content: str, facts: PieceFacts, packed: np.ndarray) -> PieceFacts:
        head = json.dumps(facts.to_dict(), sort_keys=True).encode()
        sounding = packed != 0
        values = np.ascontiguousarray(packed[sounding], dtype=WORD)
        start = _HEAD.pack(_MAGIC, len(head), len(values), _head_checksum(head, len(values)))
        data = start + head + np.packbits(sounding).tobytes() + values.tobytes()
        with atomic_file(self.path_of(content)) as file:
            file.write(data)
            file.write(_TAIL.pack(zlib.crc32(data)))
        return facts


def _head_checksum(head: bytes, num_values: int) -> int:
    return zlib.crc32(head, num_values)


def _read_facts(path: Path) -> PieceFacts:
    """Read the head of an entry; the size of the file must be the one that the head promises."""
    with path.open("rb") as file:
        start = file.read(_HEAD.size)
        if len(start) < _HEAD.size:
            raise ValueError("truncated")
        magic, head_bytes, num_values, checksum = _HEAD.unpack(start)
        if magic != _MAGIC:
            raise ValueError("not a cache entry")
        head = file.read(head_bytes)
        if _head_checksum(head, num_values) != checksum:
            raise ValueError("the checksum of its head does not fit")
        facts = PieceFacts.from_dict(json.loads(head))
    mask_bytes = -(-facts.num_quarters * NUM_PITCHES // 8)
    expected = _HEAD.size + head_bytes + mask_bytes + num_values * WORD.itemsize + _TAIL.size
    if path.stat().st_size != expected:
        raise ValueError(f"{path.stat().st_size} bytes instead of {expected}")
    return facts


def _read_packed(path: Path) -> UInt32[np.ndarray, "quarters pitches"]:
    """Read an entry as a whole, compare its checksum and spread its slices out."""
    data = memoryview(path.read_bytes())
    if len(data) < _HEAD.size + _TAIL.size:
        raise ValueError("truncated")
    (checksum,) = _TAIL.unpack(data[-_TAIL.size :])
    if zlib.crc32(data[: -_TAIL.size]) != checksum:
        raise ValueError("its checksum does not fit")
    magic, head_bytes, num_values, _ = _HEAD.unpack_from(data)
    if magic != _MAGIC:
        raise ValueError("not a cache entry")
    num_quarters = json.loads(bytes(data[_HEAD.size : _HEAD.size + head_bytes]))["num_quarters"]
    body = np.frombuffer(data, np.uint8)[_HEAD.size + head_bytes : -_TAIL.size]
    mask, values = np.split(body, [len(body) - num_values * WORD.itemsize])
    packed = np.zeros((num_quarters, NUM_PITCHES), WORD)
    packed[np.unpackbits(mask, count=packed.size).reshape(packed.shape).view(bool)] = values.view(WORD)
    return packed
