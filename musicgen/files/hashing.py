"""Content hashes of files, remembered by path, size and time so that a warm start reads no file."""

import errno
import hashlib
import itertools
import logging
import os
import stat
import time
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from musicgen.files.atomic import atomic_file

logger = logging.getLogger(__name__)

_SETTLED_AFTER_S = 2.0
"""A file younger than this may change again within its time stamp's resolution, so it is not remembered."""
_ENTRY = np.dtype([("path", "<u8"), ("size", "<u8"), ("time_ns", "<i8"), ("digest", "u1", 32)])
_CHECKSUM_BYTES = 4


def hash_file(path: Path) -> str:
    """Compute the SHA-256 of a file's bytes in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def regular_status(path: Path) -> os.stat_result:
    """Look a file up, and refuse pipes and devices: they are waited for without end, or never end.

    Raises:
        OSError: It is not there, or no regular file.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "is no regular file", str(path))
    return status


def hash_lines(*parts: Iterable[str]) -> str:
    """Compute the SHA-256 of lines, one part after the other, with a line feed between two lines, in hex."""
    digest = hashlib.sha256()
    for number, line in enumerate(itertools.chain(*parts)):
        digest.update(f"\n{line}".encode() if number else line.encode())
    return digest.hexdigest()


def hash_files(paths: Sequence[Path], *, cache_dir: Path | None = None) -> list[str]:
    """Hash files, reading only those that are new or changed since the last call.

    Args:
        paths: The files.
        cache_dir: Where to remember; None forgets.

    Returns:
        One hex digest per path; an empty string where the file could not be read.
    """
    known = KnownHashes({os.path.dirname(path) for path in paths}, cache_dir=cache_dir)
    digests = [known.digest(path) for path in paths]
    known.save()
    return digests


class KnownHashes:
    """Hashes of the files of some folders: 56 bytes a file, in memory and in ``cache_dir/contents``.

    There is a file per set of folders and part, replaced as a whole: two processes at once can at worst lose
    what the other one remembered. All parts are looked at.

    Args:
        folders: Where the files lie; names the file.
        cache_dir: Where to remember; None forgets.
        part: Name of the file to write, so that processes with a part of the files each lose nothing.
    """

    def __init__(self, folders: Iterable[str], *, cache_dir: Path | None, part: str = ""):
        names = b"\n".join(sorted(map(os.fsencode, folders)))  # names need not be Unicode
        name = hashlib.sha256(names).hexdigest()[:16]
        self._path = cache_dir / "contents" / f"{name}{part and '.'}{part}.hashes" if cache_dir else None
        files = sorted(self._path.parent.glob(f"{name}*.hashes")) if self._path else []
        self._table = _merged([_load(path) for path in files])
        self._paths = np.ascontiguousarray(self._table["path"])
        self._asked = np.zeros(len(self._table), bool)
        self._new = bytearray()
        self._now_ns = time.time_ns()

    def digest(self, path: Path) -> str:
        """Give the hash of a file in hex, or an empty string, with a warning, where it cannot be read."""
        try:
            status = regular_status(path)
            key = np.frombuffer(hashlib.blake2b(os.fsencode(path), digest_size=8).digest(), "<u8")[0]
            first, end = np.searchsorted(self._paths, key), np.searchsorted(self._paths, key, side="right")
            for row in range(first, end):
                entry = self._table[row]
                if (entry["size"], entry["time_ns"]) == (status.st_size, status.st_mtime_ns):
                    self._asked[row] = True
                    return entry["digest"].tobytes().hex()
            digest = hash_file(path)
        except OSError as error:
            logger.warning("%s cannot be read: %s", path, error)
            return ""
        if self._path and 0 <= status.st_mtime_ns < self._now_ns - _SETTLED_AFTER_S * 1e9:
            entry = (key, status.st_size, status.st_mtime_ns, np.frombuffer(bytes.fromhex(digest), "u1"))
            self._new += np.array(entry, _ENTRY).tobytes()
        return digest

    def save(self) -> None:
        """Remember what was asked for, and forget the rest; nothing is written where nothing was new."""
        if self._path is None or not self._new:
            return
        known, new = self._table[self._asked], np.frombuffer(self._new, _ENTRY)
        table = np.concatenate([known, new]) if len(known) else new
        table.sort(order="path")
        with atomic_file(self._path) as file:
            file.write(table.data)
            file.write(zlib.crc32(table.data).to_bytes(_CHECKSUM_BYTES, "little"))


def _merged(tables: Sequence[np.ndarray]) -> np.ndarray:
    """Give one table by path; a single one from a file is sorted already."""
    if len(tables) < 2:
        return tables[0] if tables else np.empty(0, _ENTRY)
    merged = np.concatenate(tables)
    merged.sort(order="path")
    return merged


def _load(path: Path) -> np.ndarray:
    try:
        data = path.read_bytes()
    except OSError as error:
        logger.warning(
            "index of content hashes %s is unreadable (%s); its files are hashed again", path, error
        )
        return np.empty(0, _ENTRY)
    entries = memoryview(data)[:-_CHECKSUM_BYTES]
    checksum = int.from_bytes(data[-_CHECKSUM_BYTES:], "little")
    if len(data) < _CHECKSUM_BYTES or len(entries) % _ENTRY.itemsize or zlib.crc32(entries) != checksum:
        logger.warning("index of content hashes %s is damaged; its files are hashed again", path)
        return np.empty(0, _ENTRY)
    return np.frombuffer(entries, _ENTRY)
