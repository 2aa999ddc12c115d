"""File locks between processes, released when the holder ends."""

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows: no locking; at worst two processes train the same stage
    fcntl = None

log = logging.getLogger(__name__)


@contextlib.contextmanager
def lock(path: Path, *, on_wait: Callable[[], None] | None = None, poll_s: float = 0.5) -> Iterator[None]:
    """Hold a lock file while the block runs; waits until it is free.

    The system releases the lock of a process that ends, even by kill -9, so locks are never stale. On a file
    system without locks a warning is logged.

    Args:
        path: The lock file; created if needed, and kept.
        on_wait: Called once when another process holds it.
        poll_s: Interval of attempts in seconds.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        waited = False
        while not _locked(file):
            if not waited and on_wait is not None:
                on_wait()
            waited = True
            time.sleep(poll_s)
        yield


@contextlib.contextmanager
def first_free(paths: list[Path], *, poll_s: float = 0.5) -> Iterator[Path]:
    """Hold the first free one of several lock files; waits if all are held.

    Args:
        paths: Lock files in order of preference.
        poll_s: Interval of attempts in seconds.

    Yields:
        The held lock file.
    """
    with contextlib.ExitStack() as open_files:
        files = []
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
            files.append((path, open_files.enter_context(path.open("ab"))))
        while (found := next((path for path, file in files if _locked(file)), None)) is None:
            time.sleep(poll_s)
        yield found


def is_held(path: Path) -> bool:
    """Tell whether a living process holds a lock file."""
    try:
        with path.open("rb") as file:
            return not _locked(file)
    except OSError:
        return False


def _locked(file: BinaryIO) -> bool:
    """Try to lock an open file; it stays locked until it is closed."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        log.warning("%s cannot be locked (%s); going on without", file.name, error.strerror)
    return True
