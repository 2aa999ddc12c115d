"""Large files of numbers that carry a checksum: written block by block, checked in full when opened."""

import struct
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from musicgen.files.atomic import atomic_file, remove_leftovers

_TAIL = struct.Struct("<8sI")
_BLOCK_BYTES = 1 << 19


def write_checked(path: Path, blocks: Iterable[np.ndarray], *, magic: bytes) -> None:
    """Write arrays one after the other, then what kind of file it is and a checksum.

    Args:
        path: Takes its name when all is written; leftovers of killed processes beside it are removed.
        blocks: Little-endian arrays; only one is in memory at a time.
        magic: Eight bytes that name the kind of file.

    Raises:
        OSError: The file cannot be written (full disk, read-only folder).
    """
    remove_leftovers(path.parent)
    checksum = 0
    with atomic_file(path) as file:
        for numbers in blocks:
            block = np.ascontiguousarray(numbers).data
            checksum = zlib.crc32(block, checksum)
            file.write(block)
        file.write(_TAIL.pack(magic, checksum))


def damage_of(path: Path, *, expected_bytes: int, magic: bytes) -> str:
    """Say what is wrong with a file: nothing, ``missing``, or its size or checksum.

    Args:
        path: The file.
        expected_bytes: Of its numbers.
        magic: The kind of file that it should be.
    """
    try:
        size = path.stat().st_size
        if size != expected_bytes + _TAIL.size:
            return f"{size} bytes instead of {expected_bytes + _TAIL.size}"
        with path.open("rb") as file:
            checksum, left = 0, expected_bytes
            while left and (block := file.read(min(left, _BLOCK_BYTES))):
                checksum, left = zlib.crc32(block, checksum), left - len(block)
            return "" if file.read() == _TAIL.pack(magic, checksum) else "its checksum does not fit"
    except FileNotFoundError:
        return "missing"
