"""Files that appear whole or not at all."""

import contextlib
import errno
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_PARTIAL = ".partial"
_CANNOT_WRITE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG)


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file beside ``path`` that takes its name when the block ends well.

    Readers see the old file or the new one, never a part; of several writers the last one wins. A block that
    raises leaves nothing behind; a killed process leaves a ``*.partial`` file that nobody reads.

    Raises:
        OSError: The folder cannot be written (full disk, read-only); names the file and says what to do.
    """
    temporary = path.with_name(f".{path.name[:40]}.{os.getpid()}-{secrets.token_hex(4)}{_PARTIAL}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            yield file
        os.replace(temporary, path)
    except OSError as error:
        if error.errno not in _CANNOT_WRITE:
            raise
        help_text = f"{error.strerror}; make room or give another folder (data.cache_dir, hydra.run.dir)"
        raise OSError(error.errno, help_text, str(path)) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_atomically(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path``, whole or not at all."""
    with atomic_file(path) as file:
        file.write(data)


def remove_leftovers(folder: Path, *, older_than_s: float = 3600.0) -> None:
    """Remove what killed processes left of unfinished files; younger ones may still be written."""
    for path in folder.glob(f".*{_PARTIAL}"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > older_than_s:
                path.unlink()
