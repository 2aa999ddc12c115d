"""Memory-mapped arrays with bounded resident memory."""

import mmap
from collections.abc import Iterator

import numpy as np

_RESIDENT_BYTES = 64 * 2**20
_BYTES_A_FAULT = 2 * 2**20
"""Bytes that the system may map on the first access to a page: a large folio."""
_STAYS_WHOLE_BYTES = 384 * 2**20


class Mapped:
    """Bound the resident memory of a mapped array.

    For arrays of more than 384 MB, accessed pages are released before they exceed 64 MB; the system may keep
    them cached, and views of them stay valid. Smaller arrays and unmapped arrays are not affected.

    Args:
        array: A `np.memmap` or ordinary array.
    """

    def __init__(self, array: np.ndarray):
        mapping = getattr(array, "_mmap", None)
        self._mapping: mmap.mmap | None = mapping if array.nbytes > _STAYS_WHOLE_BYTES else None
        self._touched_bytes = 0
        self.advise("MADV_RANDOM")  # without it the system reads 128 KB around each quarter

    def portions(self, count: int) -> Iterator[slice]:
        """Split `count` random accesses into portions that stay within the memory bound."""
        at_a_time = max(count, 1) if self._mapping is None else _RESIDENT_BYTES // _BYTES_A_FAULT
        for start in range(0, count, at_a_time):
            self.touch(at_a_time * _BYTES_A_FAULT)
            yield slice(start, start + at_a_time)

    def touch(self, num_bytes: int) -> None:
        """Count the next access; release pages before the bound is exceeded."""
        if self._touched_bytes + num_bytes > _RESIDENT_BYTES:
            self._touched_bytes = 0
            self.advise("MADV_DONTNEED")
        self._touched_bytes += num_bytes

    def advise(self, advice: str, *region: int) -> None:
        """Call `madvise` on the map or a region of it (start, bytes), if supported."""
        if self._mapping is not None and hasattr(mmap, advice):
            self._mapping.madvise(getattr(mmap, advice), *region)
