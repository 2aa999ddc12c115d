"""Atomic writes of files."""

import contextlib
import errno
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_PARTIAL = ".partial"
_CANNOT_WRITE = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.ENAMETOOLONG,
)


@contextlib.contextmanager
def atomic_path(path: str | Path, *, durable: bool = False) -> Iterator[Path]:
    """Yield a temporary path that replaces `path` when the block succeeds.

    Readers see either the old or the new file; the last of several writers wins. If the block raises, the
    old file is kept; a killed process leaves a hidden `*.partial` file that is never read.

    Args:
        path: The file; its folder must exist.
        durable: Flush to disk before renaming, so that the file survives a power cut. Takes milliseconds; for
            files that cannot be recreated.

    Raises:
        OSError: The folder cannot be written (full disk, read-only); names the file and says what to do.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name[:40]}.{os.getpid()}-{secrets.token_hex(4)}{_PARTIAL}")
    try:
        yield temporary
        if durable:
            _flush_to_disk(temporary)
        os.replace(temporary, target)
        if durable and os.name == "posix":
            _flush_to_disk(target.parent)
    except OSError as error:
        if error.errno not in _CANNOT_WRITE:
            raise
        help_text = f"{error.strerror}; make room or give another folder (data.cache_dir, hydra.run.dir)"
        raise OSError(error.errno, help_text, str(target)) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Open a binary file that is renamed to `path` when the block succeeds; creates missing folders.

    It is not flushed to disk, as cached files have checksums and can be recreated.

    Raises:
        OSError: As `atomic_path`.
    """
    with atomic_path(path) as temporary:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            yield file


def write_atomically(path: Path, data: bytes) -> None:
    """Write bytes to a file atomically; creates missing folders.

    Raises:
        OSError: As `atomic_path`.
    """
    with atomic_file(path) as file:
        file.write(data)


def write_durably(path: str | Path, text: str) -> None:
    """Write a UTF-8 text to a file atomically, and flush it to disk.

    Raises:
        OSError: As `atomic_path`.
    """
    with atomic_path(path, durable=True) as temporary:
        temporary.write_text(text, encoding="utf-8")


def remove_leftovers(folder: Path, *, older_than_s: float = 3600.0) -> None:
    """Remove old unfinished files of killed processes."""
    for path in folder.glob(f".*{_PARTIAL}"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > older_than_s:
                path.unlink()


def _flush_to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
