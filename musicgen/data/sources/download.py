"""Resumable HTTP downloads with checksums."""

import hashlib
import http.client
import logging
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from musicgen.files.progress_bar import track

logger = logging.getLogger(__name__)

BLOCK_BYTES = 1 << 20
_TIMEOUT_S = 30.0
_ATTEMPTS = 4
_PASSING = (429, 500, 502, 503, 504)
_BROKEN = (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError)


class DownloadError(OSError):
    """A download that did not succeed; the message says what to do."""


def fetch(url: str, *, max_bytes: int, pause_s: float = 1.0) -> bytes:
    """Fetch a small file into memory, with retries.

    Args:
        url: The address.
        max_bytes: A larger answer is refused.
        pause_s: Pause before the second attempt, in seconds; doubled for each further one.

    Raises:
        DownloadError: No attempt succeeded, the server refuses, or the answer is too large.
    """
    for attempt in range(_ATTEMPTS):
        try:
            with _open(url) as answer:
                data = answer.read(max_bytes + 1)
                expected = answer.headers.get("Content-Length")
                if expected is not None and len(data) < min(int(expected), max_bytes):
                    raise http.client.IncompleteRead(data)
            if len(data) > max_bytes:
                raise DownloadError(f"{url} is larger than {max_bytes:,} bytes")
            return data
        except _BROKEN as error:
            _pause_or_give_up(url, error, attempt, pause_s)
    raise AssertionError("the last attempt returns or raises")


def fetch_file(
    url: str, target: Path, *, size: int, md5: str, progress: bool = True, pause_s: float = 1.0
) -> None:
    """Fetch a large file, resuming earlier attempts.

    What has come so far lies in ``<target>.part``; ``target`` appears when size and hash are right.

    Args:
        url: The address.
        target: The file to write.
        size: Its size in bytes.
        md5: Its MD5 in hex, as its publishers give it.
        progress: Show a bar.
        pause_s: Pause before the second attempt, in seconds; doubled for each further one.

    Raises:
        DownloadError: No attempt succeeded, or what came is another file.
    """
    part = target.with_name(target.name + ".part")
    target.parent.mkdir(parents=True, exist_ok=True)
    for attempt in range(_ATTEMPTS):
        try:
            _continue(url, part, size=size, progress=progress)
            break
        except _BROKEN as error:
            _pause_or_give_up(url, error, attempt, pause_s)
    received = part.stat().st_size
    if received != size or file_md5(part) != md5:
        part.unlink()
        raise DownloadError(
            f"{url} gave {received:,} bytes that are not the file of {size:,} bytes and MD5 {md5}; "
            "the server may have answered with a page instead: try again later"
        )
    part.replace(target)


def file_md5(path: Path) -> str:
    """Compute the MD5 of a file in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def git_blob_id(data: bytes) -> str:
    """Compute the id that git gives a file of this content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _continue(url: str, part: Path, *, size: int, progress: bool) -> None:
    have = part.stat().st_size if part.is_file() else 0
    if have >= size:
        return
    with _open(url, {"Range": f"bytes={have}-"} if have else {}) as answer:
        begin = have if answer.status == 206 else 0
        promised = answer.headers.get("Content-Length")
        written = begin
        with part.open("ab" if begin else "wb") as file:
            bar = f"Downloading {part.stem} (MB)"
            total = -(-(size - begin) // BLOCK_BYTES)
            for block in track(_blocks(answer), description=bar, total=total, shown=progress):
                file.write(block)
                written += len(block)
                if written > size:
                    return  # not the file that was asked for: the size tells
    if promised is not None and written - begin < int(promised):
        raise http.client.IncompleteRead(b"", int(promised) - (written - begin))


def _blocks(answer: Any) -> Iterator[bytes]:
    while block := answer.read(BLOCK_BYTES):
        yield block


def _open(url: str, headers: dict[str, str] | None = None) -> Any:
    request = urllib.request.Request(url, headers={"User-Agent": "musicgen-lab", **(headers or {})})
    return urllib.request.urlopen(request, timeout=_TIMEOUT_S)


def _pause_or_give_up(url: str, error: Exception, attempt: int, pause_s: float) -> None:
    refused = isinstance(error, urllib.error.HTTPError) and error.code not in _PASSING
    if refused or attempt == _ATTEMPTS - 1:
        raise DownloadError(
            f"{url} cannot be downloaded ({error}). Check the network and run again: what has come is kept. "
            "Or fetch the files by hand and give data.root=DIR"
        ) from error
    logger.info("download of %s broke (%s); trying again", url, error)
    time.sleep(pause_s * 2**attempt)
