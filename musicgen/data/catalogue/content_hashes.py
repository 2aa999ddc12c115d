"""Content hashes of files, remembered in the catalogue of the cache."""

import logging
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from musicgen.files.hashing import hash_file, regular_status
from musicgen.files.table import Remember, Table

logger = logging.getLogger(__name__)

_SETTLED_AFTER_S = 2.0
"""A file younger than this may change again within its time stamp's resolution, so it is not remembered."""


def catalogue_path(cache_dir: str | Path) -> Path:
    """Return the SQLite file that holds what a cache knows of files and of their contents."""
    return Path(cache_dir) / "catalogue.sqlite"


class ContentHashes:
    """SHA-256 of files by path, size and time, so that a warm start reads no file.

    Args:
        table: Where hashes are remembered.
        remember: Takes a row that is new.
    """

    def __init__(self, table: Table, remember: Remember):
        self._table = table
        self._remember = remember
        self._started_ns = time.time_ns()

    def of(self, path: Path) -> str:
        """Return the hash of a file in hex, or an empty string, with a warning, where it cannot be read."""
        key = os.path.abspath(os.fsencode(path))
        try:
            status = regular_status(path)
            known = self._table.get(key)
            if known is not None and known[:2] == (status.st_size, status.st_mtime_ns):
                return known[2].hex()
            content = hash_file(path)
        except OSError as error:
            logger.warning("%s cannot be read: %s", path, error)
            return ""
        if 0 <= status.st_mtime_ns < self._started_ns - _SETTLED_AFTER_S * 1e9:
            self._remember(key, status.st_size, status.st_mtime_ns, bytes.fromhex(content))
        return content


@contextmanager
def content_hashes(cache_dir: Path | None) -> Iterator[ContentHashes]:
    """Open the hashes that a cache remembers, and write what is new.

    Args:
        cache_dir: Folder of all caches; None remembers nothing.

    Raises:
        OSError: The catalogue cannot be written (full disk, read-only folder).
    """
    table = Table(
        None if cache_dir is None else catalogue_path(cache_dir),
        name="files",
        key={"path": "BLOB"},
        values={"size": "INTEGER", "time_ns": "INTEGER", "content": "BLOB"},
    )
    with table.writer() as remember:
        yield ContentHashes(table, remember)


def hash_files(paths: Iterable[Path], *, cache_dir: Path | None = None) -> list[str]:
    """Hash files, reading only those that are new or changed since the last call.

    Args:
        paths: The files.
        cache_dir: Folder of all caches; None remembers nothing.

    Returns:
        One hex digest per path; an empty string where the file could not be read.
    """
    with content_hashes(cache_dir) as hashes:
        return [hashes.of(path) for path in paths]
