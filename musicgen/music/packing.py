"""The cells of a quarter: their layout, and thirty-two ticks of a pitch packed into one number."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, UInt8, UInt32

from musicgen.config.build import Buildable

TICKS_PER_QUARTER = 32  # of packed slices: those of a pitch fill a number
NUM_PITCHES = 88

PackedSlices = UInt32[np.ndarray, "quarters pitches"]


@dataclass(frozen=True)
class SliceLayout(Buildable):
    """Describe the cells of a quarter-note slice.

    Attributes:
        pitches: Rows, from A0 upwards; the piano has 88.
        ticks: Columns: the grid's steps per quarter, 32 or a divisor of it.

    Raises:
        ValueError: A number is out of range.
    """

    pitches: int = 88
    ticks: int = 32

    def __post_init__(self) -> None:
        if self.pitches < 1:
            raise ValueError(f"pitches={self.pitches} is not a count; use 1 or more (the piano's are 88)")
        if not 1 <= self.ticks <= TICKS_PER_QUARTER or TICKS_PER_QUARTER % self.ticks:
            raise ValueError(
                f"ticks={self.ticks} per quarter do not divide {TICKS_PER_QUARTER}; use 4, 8, 16 or 32"
            )

    @property
    def shape(self) -> tuple[int, int]:
        """Pitches and ticks."""
        return self.pitches, self.ticks

    @property
    def cells(self) -> int:
        """Number of cells in a slice."""
        return self.pitches * self.ticks

    @property
    def unit(self) -> int:
        """Length of a tick in those of packed slices, of which a quarter has 32."""
        return TICKS_PER_QUARTER // self.ticks

    def cells_of(
        self, packed: UInt32[np.ndarray, "*batch pitches"]
    ) -> UInt8[np.ndarray, "*batch pitches ticks"]:
        """Unpack to this layout's ticks: 1 where any of the packed ticks is set, or else 0."""
        return unpack(coarsened(packed, unit=self.unit))[..., :: self.unit].view(np.uint8)


PIANO = SliceLayout()  # Bachsformer's: 88 pitches of 32 ticks


def pack(slices: Bool[np.ndarray, "*batch pitches ticks"]) -> UInt32[np.ndarray, "*batch pitches"]:
    """Pack 32 ticks into one uint32; the lowest bit is tick 0."""
    return np.packbits(slices, axis=-1, bitorder="little").view("<u4")[..., 0].astype(np.uint32, copy=False)


def unpack(packed: UInt32[np.ndarray, "*batch pitches"]) -> Bool[np.ndarray, "*batch pitches ticks"]:
    """Unpack to 32 ticks each."""
    cells = np.unpackbits(np.ascontiguousarray(packed, "<u4").view(np.uint8), bitorder="little")
    return cells.reshape(*packed.shape, TICKS_PER_QUARTER).view(bool)  # by axis: six times as long


def coarsened(packed: UInt32[np.ndarray, "*axes"], *, unit: int) -> UInt32[np.ndarray, "*axes"]:
    """Let the first of every `unit` ticks tell whether any of them is set; the others mean nothing then.

    Args:
        packed: 32 ticks in each number.
        unit: 1, 2, 4, 8 or 16.
    """
    reach = 1
    while reach < unit:
        packed = packed | packed >> np.uint32(reach)
        reach *= 2
    return packed


def packed_onsets(
    packed: PackedSlices, previous: UInt32[np.ndarray, " pitches"] | None = None
) -> PackedSlices:
    """Mark the cells where a sound begins: cells whose predecessor in the piece is silent.

    Args:
        packed: packed slices of consecutive quarters.
        previous: the packed slice before the first one; silence if not given.
    """
    return packed & ~cell_before(packed, previous)


def parted(packed: PackedSlices, *, onsets: UInt32[np.ndarray, "quarters pitches"]) -> PackedSlices:
    """Clear the tick before each onset that is struck while its pitch sounds, as `to_packed` does.

    Args:
        packed: packed slices of consecutive quarters.
        onsets: packed cells where a note begins; one directly after another keeps both.
    """
    return packed & ~(cell_after(onsets) & ~onsets)


def cell_before(packed: np.ndarray, previous: np.ndarray | None) -> np.ndarray:
    """Return for each cell whether the cell before it sounds."""
    carried = np.zeros_like(packed)
    carried[1:] = packed[:-1] >> 31
    if previous is not None:
        carried[:1] = previous >> 31
    return packed << 1 | carried


def cell_after(packed: np.ndarray) -> np.ndarray:
    """Return for each cell whether the cell after it sounds."""
    carried = np.zeros_like(packed)
    carried[:-1] = packed[1:] << 31
    return packed >> 1 | carried


def check_channels(channels: int) -> None:
    """Refuse channels that slices do not have.

    Raises:
        ValueError: There are neither 1 nor 2.
    """
    if channels not in (1, 2):
        raise ValueError(f"channels={channels}; use 1 (sounding) or 2 (sounding, onset)")
