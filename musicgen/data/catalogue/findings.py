"""What was found out about contents at some cost, remembered in the catalogue of the cache."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from musicgen.data.catalogue.content_hashes import catalogue_path
from musicgen.files.table import Table


class Findings:
    """JSON values by content, of one kind: an analysis, a converted score, a fingerprint.

    Args:
        cache_dir: Folder of all caches.
        kind: What the values are, with the version of the code that found them.
    """

    def __init__(self, cache_dir: str | Path, *, kind: str):
        self.kind = kind
        self._table = Table(
            catalogue_path(cache_dir),
            name="findings",
            key={"kind": "TEXT", "content": "BLOB"},
            values={"value": "TEXT"},
        )

    def get(self, content: str) -> Any:
        """Return the value of a content (hex); None where there is none."""
        found = self._table.get(self.kind, bytes.fromhex(content))
        return None if found is None else json.loads(found[0])

    @contextmanager
    def writer(self) -> Iterator[Any]:
        """Yield a function that remembers a value (content, value); values are written once a second.

        Raises:
            OSError: The catalogue cannot be written (full disk, read-only folder).
        """
        with self._table.writer() as remember:
            yield lambda content, value: remember(self.kind, bytes.fromhex(content), json.dumps(value))
