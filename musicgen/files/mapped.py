"""Large arrays on disk, of which a process keeps little in memory."""

import mmap
from collections.abc import Iterator

import numpy as np

_RESIDENT_BYTES = 64 * 2**20
_BYTES_A_FAULT = 2 * 2**20
"""So much the system may map around a page that is touched for the first time: a large folio as a whole."""
_STAYS_WHOLE_BYTES = 384 * 2**20


class Mapped:
    """Bounds what access makes resident of a mapped array.

    Of more than 384 MB, what was touched is let go again before it exceeds 64 MB; the system keeps the pages
    cached while it has room, and arrays that still point at them stay valid. Smaller arrays, and arrays that
    are no map, are left alone.

    Args:
        array: Mapped (`np.memmap`) or not.
    """

    def __init__(self, array: np.ndarray):
        mapping = getattr(array, "_mmap", None)
        self._mapping: mmap.mmap | None = mapping if array.nbytes > _STAYS_WHOLE_BYTES else None
        self._touched_bytes = 0
        self.advise("MADV_RANDOM")  # without it the system reads 128 KB around each quarter

    def portions(self, count: int) -> Iterator[slice]:
        """Split so many accesses, each to another place, into as many at a time as memory is bounded to."""
        at_a_time = max(count, 1) if self._mapping is None else _RESIDENT_BYTES // _BYTES_A_FAULT
        for start in range(0, count, at_a_time):
            self.touch(at_a_time * _BYTES_A_FAULT)
            yield slice(start, start + at_a_time)

    def touch(self, num_bytes: int) -> None:
        """Count what the next access makes resident; before it is too much, give back what is there."""
        if self._touched_bytes + num_bytes > _RESIDENT_BYTES:
            self._touched_bytes = 0
            self.advise("MADV_DONTNEED")
        self._touched_bytes += num_bytes

    def advise(self, advice: str, *region: int) -> None:
        """Tell the system how the map is used, or a region of it (start, bytes), where it listens."""
        if self._mapping is not None and hasattr(mmap, advice):
            self._mapping.madvise(getattr(mmap, advice), *region)
