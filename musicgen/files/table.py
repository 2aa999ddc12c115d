"""Tables of small values on disk, shared by processes."""

import contextlib
import errno
import logging
import os
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
Remember = Callable[..., None]

_TIMEOUT_S = 30.0
_ROWS_AT_A_TIME = 4096
_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_ERROR")  # the last: a schema that is not ours
_CANNOT_WRITE = {
    "SQLITE_FULL": errno.ENOSPC,
    "SQLITE_READONLY": errno.EROFS,
    "SQLITE_CANTOPEN": errno.EACCES,
    "SQLITE_PERM": errno.EACCES,
    "SQLITE_IOERR": errno.EIO,
}


class Table:
    """A table of an SQLite file, for values that can be recomputed.

    Every row has a checksum, and a damaged file is recreated. Rows are
    written in short transactions, so a killed process leaves whole rows and nothing else, and any number of
    processes may use one file. The rollback journal works on network file systems whose locks work; where
    they do not, or where another process holds the file for half a minute, nothing is remembered, a warning
    says so, and the work goes on.

    Args:
        path: The SQLite file, made with the first row; None for no table.
        name: Name of the table.
        key: Columns that identify a row, with their SQL types.
        values: The other columns.
    """

    def __init__(self, path: Path | None, *, name: str, key: Mapping[str, str], values: Mapping[str, str]):
        self.path = path
        columns = {**key, **values, "checksum": "INTEGER"}
        declared = ", ".join(f"{column} {kind}" for column, kind in columns.items())
        self._create = (
            f"CREATE TABLE IF NOT EXISTS {name} ({declared}, PRIMARY KEY ({', '.join(key)})) WITHOUT ROWID"
        )
        where = " AND ".join(f"{column} = ?" for column in key)
        self._select = f"SELECT {', '.join([*values, 'checksum'])} FROM {name} WHERE {where}"
        self._insert = f"INSERT OR REPLACE INTO {name} VALUES ({', '.join('?' * len(columns))})"
        self._connection: sqlite3.Connection | None = None
        self._process = -1
        self._warned = False

    def get(self, *key: Any) -> tuple[Any, ...] | None:
        """Look up the values of a key; None if missing or damaged."""
        if self.path is None or not self.path.exists():
            return None
        found = self._attempt(lambda connection: connection.execute(self._select, key).fetchall())
        if not found:
            return None
        *values, checksum = found[0]
        if checksum != _checksum((*key, *values)):
            self._make_again("the checksum of a row does not fit")
            return None
        return tuple(values)

    def put(self, rows: Sequence[Sequence[Any]]) -> None:
        """Write rows (key, then values), all or none; they replace rows of the same key.

        Raises:
            OSError: The file cannot be written (full disk, read-only folder).
        """
        if self.path is None or not rows:
            return
        checked = [(*row, _checksum(row)) for row in rows]

        def insert(connection: sqlite3.Connection) -> None:
            connection.execute("BEGIN IMMEDIATE")
            try:
                connection.executemany(self._insert, checked)
                connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise

        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._attempt(insert, writing=True)

    @contextlib.contextmanager
    def writer(self, *, every_s: float = 1.0) -> Iterator[Remember]:
        """Yield a function that adds a row; rows are written in batches once per second.

        Remaining rows are written when the block ends, also after an error, and the file is closed.
        """
        rows: list[tuple[Any, ...]] = []
        written_at = time.monotonic()

        def remember(*row: Any) -> None:
            nonlocal written_at
            rows.append(row)
            if len(rows) == _ROWS_AT_A_TIME or time.monotonic() - written_at > every_s:
                self.put(rows)
                rows.clear()
                written_at = time.monotonic()

        try:
            yield remember
        finally:
            self.put(rows)
            self.close()

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        if self._connection is not None and self._process == os.getpid():
            self._connection.close()
        self._connection = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_connection": None}

    def _attempt(
        self, action: Callable[[sqlite3.Connection], Result], *, writing: bool = False
    ) -> Result | None:
        for is_last in (False, True):
            try:
                return action(self._connected())
            except sqlite3.DatabaseError as error:
                kind = getattr(error, "sqlite_errorname", None)
                if kind is None:  # not from the file: a bug
                    raise
                if kind.startswith(_DAMAGED) and not is_last:
                    self._make_again(str(error))
                    continue
                code = next((code for start, code in _CANNOT_WRITE.items() if kind.startswith(start)), None)
                if writing and code is not None:
                    advice = "make room or give another folder (data.cache_dir)"
                    raise OSError(code, f"{os.strerror(code)}; {advice}", str(self.path)) from error
                self._warn(error)
                return None
        raise AssertionError("the last attempt returns or raises")

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None or self._process != os.getpid():  # no connection survives a fork
            assert self.path is not None
            address = f"file:{quote(os.fsencode(self.path))}?mode=rwc"
            self._connection = sqlite3.connect(
                address, uri=True, timeout=_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
            self._process = os.getpid()
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.execute(self._create)
        return self._connection

    def _make_again(self, reason: str) -> None:
        """Remove a damaged file completely, as other rows may be damaged, too."""
        assert self.path is not None
        logger.warning("%s is damaged (%s) and is made again", self.path, reason)
        self.close()
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)
            self.path.with_name(f"{self.path.name}-journal").unlink(missing_ok=True)

    def _warn(self, error: sqlite3.Error) -> None:
        if not self._warned:
            logger.warning("%s cannot be used (%s); going on without it", self.path, error)
        self._warned = True


def _checksum(row: Sequence[Any]) -> int:
    checksum = 0
    for value in row:
        data = value if isinstance(value, bytes) else repr(value).encode()
        checksum = zlib.crc32(data, zlib.crc32(b"%d " % len(data), checksum))
    return checksum
