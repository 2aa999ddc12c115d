"""Hashes of files and of lines."""

import errno
import hashlib
import itertools
import os
import stat
from collections.abc import Iterable
from pathlib import Path


def hash_file(path: Path) -> str:
    """Compute the SHA-256 of a file's bytes in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def regular_status(path: Path) -> os.stat_result:
    """Return the status of a regular file; rejects pipes and devices, which may block or be endless.

    Raises:
        OSError: It does not exist, or is not a regular file.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "is no regular file", str(path))
    return status


def hash_lines(*parts: Iterable[str]) -> str:
    """Compute the SHA-256 of lines joined by line feeds, in hex."""
    digest = hashlib.sha256()
    for number, line in enumerate(itertools.chain(*parts)):
        digest.update(f"\n{line}".encode() if number else line.encode())
    return digest.hexdigest()
