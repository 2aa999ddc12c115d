"""Files of the cache that appear whole or not at all."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from musicgen.files.whole import PARTIAL, whole_file


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file that takes its name when the block ends well; its folder is made where it is missing.

    It is not waited for until the disk has it: everything in the cache carries a checksum and can be made
    again.

    Raises:
        OSError: The folder cannot be written (full disk, read-only); names the file and says what to do.
    """
    with whole_file(path) as temporary:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            yield file


def write_atomically(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path``, whole or not at all."""
    with atomic_file(path) as file:
        file.write(data)


def remove_leftovers(folder: Path, *, older_than_s: float = 3600.0) -> None:
    """Remove what killed processes left of unfinished files; younger ones may still be written."""
    for path in folder.glob(f".*{PARTIAL}"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > older_than_s:
                path.unlink()
