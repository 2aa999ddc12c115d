"""Codes of packs on disk, so that jobs over one autoencoder encode its pieces once, and map them."""

import contextlib
import logging
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from musicgen.data.batches.codes import PieceCodes
from musicgen.data.store.packed import PackedPieces
from musicgen.files.checksummed import damage_of, write_checked
from musicgen.files.hashing import hash_lines

logger = logging.getLogger(__name__)

CODE = np.dtype("<u2")
_MAGIC = b"MGCODE_1"


class CodeCache:
    """Cache of the codes of packs, each in a memory-mapped file.

    Args:
        folder: Where they are; any number of processes may share it.
        made_by: What codes follow from beside pieces and weights: code, versions, processor.
        max_bytes: When there is more, files go that were not asked for longest; those of the autoencoder at
            hand stay.
    """

    def __init__(self, folder: Path, *, made_by: str, max_bytes: int = 4 * 2**30):
        self.folder, self.made_by, self.max_bytes = folder, made_by, max_bytes

    def codes(
        self,
        pieces: PackedPieces,
        *,
        encoder: str,
        num_codes: int,
        encode: Callable[[], Iterable[np.ndarray]],
    ) -> PieceCodes:
        """Return the codes of a pack, from the disk where they are there and sound.

        Args:
            pieces: A pack that has a file.
            encoder: Names the weights: a hash of them.
            num_codes: Codes per quarter.
            encode: Gives the codes of all quarters in order, in blocks (quarters, num_codes).

        Returns:
            Mapped codes; in memory, with a warning, where the folder cannot be written.
        """
        assert pieces.path is not None, "only packs that have a file have codes on disk"
        maker = hash_lines([self.made_by, encoder])[:32]
        path = self.folder / f"{maker}-{pieces.path.stem}.codes"
        shape = (len(pieces), num_codes)
        damage = damage_of(path, expected_bytes=CODE.itemsize * len(pieces) * num_codes, magic=_MAGIC)
        if damage:
            if damage != "missing":
                logger.warning("codes %s are damaged (%s) and are made again", path, damage)
            try:
                write_checked(path, (block.astype(CODE) for block in encode()), magic=_MAGIC)
            except OSError as error:
                logger.warning("codes are kept in memory: %s", error)
                return PieceCodes(np.concatenate([block.astype(CODE) for block in encode()]), pieces.starts)
            self._make_room(besides=maker)
        else:
            with contextlib.suppress(OSError):  # a folder that is shared read-only
                os.utime(path)
        return PieceCodes(np.memmap(path, CODE, mode="r", shape=shape), pieces.starts)

    def _make_room(self, *, besides: str) -> None:
        """Remove files that were not asked for longest; those still mapped live on until they are let go."""
        found, left = [], self.max_bytes
        for path in self.folder.glob("*.codes"):
            with contextlib.suppress(FileNotFoundError):
                status = path.stat()
                found.append((path.name.startswith(besides), status.st_mtime_ns, path, status.st_size))
        for stays, _, path, size in sorted(found, reverse=True):
            left -= size
            if left < 0 and not stays:
                with contextlib.suppress(OSError):
                    path.unlink()
