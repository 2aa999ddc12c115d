"""Large array files with a checksum, written in blocks."""

import struct
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from musicgen.files.atomic import atomic_file, remove_leftovers

_TAIL = struct.Struct("<8sI")
_BLOCK_BYTES = 1 << 19


def write_checked(path: Path, blocks: Iterable[np.ndarray], *, magic: bytes) -> None:
    """Write arrays, followed by a file type and a checksum.

    Args:
        path: The file, written atomically; unfinished files of killed processes next to it are removed.
        blocks: Little-endian arrays; one is in memory at a time.
        magic: Eight bytes that identify the file type.

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
    """Check a file; return the problem: empty if none, ``missing``, or its size or checksum.

    Args:
        path: The file.
        expected_bytes: Size of its arrays in bytes.
        magic: Expected file type.
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
