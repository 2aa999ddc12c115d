"""Put files in their place whole or not at all."""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PARTIAL = ".partial"
_CANNOT_WRITE = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.ENAMETOOLONG,
)


@contextmanager
def whole_file(path: str | Path, *, durable: bool = False) -> Iterator[Path]:
    """Give a path beside `path` to write to; what lies there is moved to `path` when all went well.

    Readers see the old file or the new one, never a part; of several writers the last one wins. A block that
    raises leaves the old file as it is; a killed process leaves a hidden `*.partial` file that nobody reads.

    Args:
        path: The file; its folder must be there.
        durable: Wait until the bytes are on the disk before they take the name, so that a power cut leaves
            the old file or the new one, too. Costs milliseconds: for what cannot be made again.

    Raises:
        OSError: The folder cannot be written (full disk, read-only); names the file and says what to do.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name[:40]}.{os.getpid()}-{secrets.token_hex(4)}{PARTIAL}")
    try:
        yield temporary
        if durable:
            _wait_for_disk(temporary)
        os.replace(temporary, target)
        if durable and os.name == "posix":
            _wait_for_disk(target.parent)
    except OSError as error:
        if error.errno not in _CANNOT_WRITE:
            raise
        help_text = f"{error.strerror}; make room or give another folder (data.cache_dir, hydra.run.dir)"
        raise OSError(error.errno, help_text, str(target)) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_whole(path: str | Path, text: str) -> None:
    """Write a small text in UTF-8 to a file, whole or not at all, and wait until it is on the disk.

    Raises:
        OSError: As `whole_file`.
    """
    with whole_file(path, durable=True) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _wait_for_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
