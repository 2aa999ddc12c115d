"""Many cut pieces as one memory map."""

import mmap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int64, UInt32

from musicgen.data.catalogue.pieces import Piece
from musicgen.data.store.cache import BYTES_PER_QUARTER, WORD
from musicgen.files.mapped import Mapped
from musicgen.music.grid import from_packed
from musicgen.music.notes import Performance
from musicgen.music.packing import NUM_PITCHES, PIANO, TICKS_PER_QUARTER, SliceLayout, unpack

if TYPE_CHECKING:
    import torch

_LAST_TICK = np.uint32(TICKS_PER_QUARTER - 1)


class PackedPieces:
    """Concatenated packed slices of many pieces.

    The slices of a pack on disk are mapped, not read; of more than 384 MB what access may have made resident
    is let go again before it exceeds 64 MB, so a process stays as small on 400,000 pieces as on 4,000.
    Pickling passes the path along, not the music.

    Args:
        packed: Packed quarters of all pieces, in order.
        starts: First quarter of each piece, and the end of the last one.
        pieces: What the pieces are.
        path: The file that ``packed`` maps, if it does.
        ticks: Steps per quarter of the grid that cut the pieces.
    """

    def __init__(
        self,
        packed: UInt32[np.ndarray, "quarters pitches"],
        *,
        starts: Int64[np.ndarray, " boundaries"],
        pieces: Sequence[Piece],
        path: Path | None = None,
        ticks: int = TICKS_PER_QUARTER,
    ):
        assert len(starts) == len(pieces) + 1, f"{len(starts)} boundaries for {len(pieces)} pieces"
        assert len(packed) == starts[-1], f"{len(packed)} quarters, but the pieces end at {starts[-1]}"
        self.packed = np.asarray(packed)
        self._mapped = Mapped(packed)
        self.starts = np.asarray(starts, dtype=np.int64)
        self.pieces = pieces
        self.path, self.ticks = path, ticks

    @classmethod
    def map(
        cls,
        path: Path,
        *,
        starts: np.ndarray,
        pieces: Sequence[Piece],
        ticks: int = TICKS_PER_QUARTER,
    ) -> "PackedPieces":
        """Map a file of packed slices; it may be longer than the pieces are."""
        packed = np.memmap(path, dtype=WORD, mode="r", shape=(int(starts[-1]), NUM_PITCHES))
        return cls(packed, starts=starts, pieces=pieces, path=path, ticks=ticks)

    @classmethod
    def empty(cls) -> "PackedPieces":
        """Return a pack without pieces."""
        return cls(np.empty((0, NUM_PITCHES), WORD), starts=np.zeros(1, np.int64), pieces=[])

    def __len__(self) -> int:
        return len(self.packed)

    def __getstate__(self) -> dict[str, Any]:
        state = {"starts": self.starts, "pieces": self.pieces, "path": self.path, "ticks": self.ticks}
        return state if self.path is not None else {**state, "packed": self.packed}

    def __setstate__(self, state: dict[str, Any]) -> None:
        if state["path"] is None:
            self.__init__(**state)
        else:
            self.__dict__.update(PackedPieces.map(**state).__dict__)

    def piece(self, number: int) -> UInt32[np.ndarray, "quarters pitches"]:
        """Return the packed slices of one piece, mapped."""
        packed = self.packed[self.starts[number] : self.starts[number + 1]]
        self._mapped.touch(packed.nbytes)
        return packed

    def performance(self, number: int) -> Performance:
        """Read the notes of one piece, on the ticks of its grid."""
        return from_packed(self.piece(number), ticks=self.ticks)

    def blocks(self, num_quarters: int = 65536) -> Iterator[UInt32[np.ndarray, "quarters pitches"]]:
        """Go through all quarters in order in blocks of at most ``num_quarters``, in constant memory."""
        for start in range(0, len(self), num_quarters):
            packed = self.packed[start : start + num_quarters]
            self._mapped.touch(packed.nbytes)
            begin = start * BYTES_PER_QUARTER // mmap.PAGESIZE * mmap.PAGESIZE
            self._mapped.advise("MADV_WILLNEED", begin, packed.nbytes)
            yield packed

    def gather(self, index: Int64[np.ndarray, " batch"], *, channels: int = 1) -> "torch.Tensor":
        """Unpack a batch of quarters: one gather and one unpacking, whatever the batch.

        Args:
            index: Numbers of quarters over all pieces.
            channels: 1 gives sounding cells; 2 adds onsets, the rising edges over the whole piece: a note
                that sounds on from the quarter before has none, one that begins a piece has.

        Returns:
            0 and 1 in uint8, (batch, channels, 88, 32).

        Raises:
            ValueError: ``channels`` is neither 1 nor 2.
        """
        import torch

        return torch.from_numpy(unpack(self.gather_packed(index, channels=channels)).view(np.uint8))

    def gather_packed(
        self, index: Int64[np.ndarray, " batch"], *, channels: int = 1
    ) -> UInt32[np.ndarray, "batch channels pitches"]:
        """Gather a batch as `gather` does, still packed: (batch, channels, 88).

        Raises:
            ValueError: ``channels`` is neither 1 nor 2.
        """
        if channels not in (1, 2):
            raise ValueError(f"channels={channels}: 1 (sounding) or 2 (sounding, onset)")
        index = np.asarray(index, dtype=np.int64)
        packed = np.empty((len(index), channels, NUM_PITCHES), WORD)
        for portion in self._mapped.portions(len(index)):
            packed[portion] = self._gathered(index[portion], channels=channels)
        return packed

    def _gathered(
        self, index: Int64[np.ndarray, " batch"], *, channels: int
    ) -> UInt32[np.ndarray, "batch channels pitches"]:
        packed = np.empty((len(index), channels, NUM_PITCHES), WORD)
        packed[:, 0] = self.packed[index]
        if channels == 2:
            packed[:, 1] = packed[:, 0] & ~((packed[:, 0] << np.uint32(1)) | self._last_tick(index))
        return packed

    def before(
        self, index: Int64[np.ndarray, " batch"], *, layout: SliceLayout = PIANO
    ) -> UInt32[np.ndarray, "batch pitches"]:
        """Gather which pitches sound in the tick before each quarter, 0 or 1; silence before a piece.

        Args:
            index: Numbers of quarters over all pieces.
            layout: Says how long that tick is.
        """
        return layout.sounding_last(self._carried(index)).astype(WORD)

    def _last_tick(self, index: Int64[np.ndarray, " batch"]) -> UInt32[np.ndarray, "batch pitches"]:
        return self._carried(index) >> _LAST_TICK

    def _carried(self, index: Int64[np.ndarray, " batch"]) -> UInt32[np.ndarray, "batch pitches"]:
        """Gather the quarter before each quarter; silence before a piece."""
        carried = self.packed[np.maximum(index - 1, 0)]
        is_first = self.starts[np.searchsorted(self.starts, index, side="right") - 1] == index
        carried[is_first] = 0
        return carried
