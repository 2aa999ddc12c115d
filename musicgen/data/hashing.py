"""Content hashes of files, remembered by path, size and time so that a warm start reads no file."""

import hashlib
import json
import logging
import os
import time
from collections.abc import Sequence
from pathlib import Path

from musicgen.data.atomic import write_atomically

logger = logging.getLogger(__name__)

_SETTLED_AFTER_S = 2.0
"""A file younger than this may change again within its time stamp's resolution, so it is not remembered."""


def hash_file(path: Path) -> str:
    """Compute the SHA-256 of a file's bytes in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_files(paths: Sequence[Path], *, cache_dir: Path | None = None, part: str = "") -> list[str]:
    """Hash files, reading only those that are new or changed since the last call.

    What was computed is kept in ``cache_dir/contents``, one file per set of folders and part, replaced as a
    whole: two processes at once can at worst lose what the other one remembered. All parts are looked at.

    Args:
        paths: The files.
        cache_dir: Where to remember; None forgets.
        part: Name of the file to write, so that processes with a part of the files each lose nothing.

    Returns:
        One hex digest per path; an empty string where the file could not be read.
    """
    remembered = _load_all(paths, cache_dir) if cache_dir is not None else {}
    now_ns = time.time_ns()
    digests, index, changed = [], {}, False
    for path in paths:
        digest, entry = _digest(path, remembered.get(str(path)))
        digests.append(digest)
        if entry is not None and now_ns - entry[1] > _SETTLED_AFTER_S * 1e9:
            index[str(path)] = entry
            changed = changed or remembered.get(str(path)) != entry
    if cache_dir is not None and changed:
        write_atomically(_index_path(paths, cache_dir, part), json.dumps(index).encode())
    return digests


def _digest(path: Path, remembered: list | None) -> tuple[str, list | None]:
    """Give the digest and what to remember of it: size in bytes, time in ns, digest."""
    try:
        status = path.stat()
        if remembered is not None and remembered[:2] == [status.st_size, status.st_mtime_ns]:
            return remembered[2], remembered
        digest = hash_file(path)
    except OSError as error:
        logger.warning("%s cannot be read: %s", path, error)
        return "", None
    return digest, [status.st_size, status.st_mtime_ns, digest]


def _index_path(paths: Sequence[Path], cache_dir: Path, part: str) -> Path:
    folders = sorted({os.fsencode(path.parent) for path in paths})  # names need not be Unicode
    folder = hashlib.sha256(b"\n".join(folders)).hexdigest()
    return cache_dir / "contents" / f"{folder[:16]}{part and '.'}{part}.json"


def _load_all(paths: Sequence[Path], cache_dir: Path) -> dict[str, list]:
    whole = _index_path(paths, cache_dir, "")
    parts = sorted(whole.parent.glob(f"{whole.stem}.*.json"))
    return {path: entry for index in (*parts, whole) for path, entry in _load(index).items()}


def _load(path: Path) -> dict[str, list]:
    try:
        index = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        logger.warning(
            "index of content hashes %s is unreadable (%s); all files are hashed again", path, error
        )
        return {}
    return index if isinstance(index, dict) else {}
