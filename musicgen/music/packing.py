"""The cells of a quarter: their layout, and thirty-two ticks of a pitch packed into one number."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64, Real, UInt8, UInt32

from musicgen.config.build import Buildable

TICKS_PER_QUARTER = 32  # of packed slices: those of a pitch fill a number
TICKS_OF_ALL_GRIDS = 96  # per quarter: the least number that thirds and 32nds are whole numbers of
NUM_PITCHES = 88

_ALL_TICKS = np.uint32(0xFFFFFFFF)

PackedSlices = UInt32[np.ndarray, "quarters pitches"]


@dataclass(frozen=True)
class SliceLayout(Buildable):
    """Describe the cells of a quarter-note slice.

    Attributes:
        pitches: Rows, from A0 upwards; the piano has 88.
        ticks: Columns: the grid's steps per quarter. In packed slices each one is all the packed ticks from
            the one nearest to its beginning up to the next tick's.

    Raises:
        ValueError: A number is out of range.
    """

    pitches: int = 88
    ticks: int = 32

    def __post_init__(self) -> None:
        if self.pitches < 1:
            raise ValueError(f"pitches={self.pitches} is not a count; use 1 or more (the piano's are 88)")
        if not 1 <= self.ticks <= TICKS_PER_QUARTER or TICKS_OF_ALL_GRIDS % self.ticks:
            raise ValueError(
                f"ticks={self.ticks} per quarter are no grid of halves and thirds; use 4, 8, 16 or 32, "
                "or with triplets 3, 6, 12 or 24"
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
    def starts(self) -> Int64[np.ndarray, " ticks"]:
        """Packed tick with which each tick begins."""
        return packed_ticks(np.arange(self.ticks), ticks=self.ticks)

    @property
    def lengths(self) -> Int64[np.ndarray, " ticks"]:
        """Packed ticks that each tick lasts: as many, or one more where the ticks do not divide 32."""
        return np.diff(self.starts, append=TICKS_PER_QUARTER)

    @property
    def words(self) -> UInt32[np.ndarray, " ticks"]:
        """Each tick as a number whose bits are the packed ticks that it lasts."""
        return (((1 << self.lengths) - 1) << self.starts).astype(np.uint32)

    def cells_of(
        self, packed: UInt32[np.ndarray, "*batch pitches"]
    ) -> UInt8[np.ndarray, "*batch pitches ticks"]:
        """Unpack to this layout's ticks: 1 where any of the packed ticks is set, or else 0."""
        least, rest = divmod(TICKS_PER_QUARTER, self.ticks)
        coarse = coarsened(packed, unit=least)
        if not rest:
            return unpack(coarse)[..., ::least].view(np.uint8)
        longer = np.bitwise_or.reduce(_first_bits(self.words[self.lengths > least]))
        return unpack(coarse | packed >> np.uint32(least) & longer)[..., self.starts].view(np.uint8)

    def packed_of(
        self, cells: Bool[np.ndarray, "*batch pitches ticks"], *, first_only: bool = False
    ) -> UInt32[np.ndarray, "*batch pitches"]:
        """Pack cells of this layout, each as all the packed ticks that it lasts, or as the first of them."""
        return cells @ (_first_bits(self.words) if first_only else self.words)

    def sounding_last(self, packed: UInt32[np.ndarray, "*batch"]) -> Bool[np.ndarray, "*batch"]:
        """Return which pitches sound in the last tick of each quarter."""
        return packed >> np.uint32(self.starts[-1]) != 0


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
        unit: 1 to 32.
    """
    reach = 1
    while reach < unit:
        step = min(reach, unit - reach)
        packed = packed | packed >> np.uint32(step)
        reach += step
    return packed


def _first_bits(words: UInt32[np.ndarray, "*axes"]) -> UInt32[np.ndarray, "*axes"]:
    return words & -words


def packed_ticks(tick: Real[np.ndarray, "*axes"], *, ticks: int) -> Int64[np.ndarray, "*axes"]:
    """Number the packed tick nearest to the beginning of each tick of a time line of `ticks` per quarter."""
    return np.rint(tick * (TICKS_PER_QUARTER / ticks)).astype(np.int64)


def ticks_at(packed_tick: Int64[np.ndarray, "*axes"], *, ticks: int) -> Int64[np.ndarray, "*axes"]:
    """Number the tick of a time line of `ticks` per quarter in which each packed tick lies."""
    return (2 * packed_tick + 1) * ticks // (2 * TICKS_PER_QUARTER)


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


@dataclass(frozen=True, eq=False)
class Stretches:
    """Stretches of sounding cells, none of which overlap: a note is one.

    Attributes:
        row: Pitches, counted from the piano's lowest.
        first: Packed ticks with which they begin, on the time line of the whole piece.
        last: Packed ticks with which they end; at least `first`.
    """

    row: Int64[np.ndarray, " stretches"]
    first: Int64[np.ndarray, " stretches"]
    last: Int64[np.ndarray, " stretches"]


def draw_stretches(stretches: Stretches) -> PackedSlices:
    """Set the cells of stretches in packed slices, which run to the quarter of the last cell.

    Args:
        stretches: one or more.
    """
    first, last = stretches.first >> 5, stretches.last >> 5
    crossed = last - first + 1
    stop = np.cumsum(crossed)
    start = stop - crossed
    masks = np.full(stop[-1], _ALL_TICKS)
    masks[start] <<= (stretches.first & 31).astype(np.uint32)
    masks[stop - 1] &= _ALL_TICKS >> (31 - (stretches.last & 31)).astype(np.uint32)
    at = np.arange(0, NUM_PITCHES * len(masks), NUM_PITCHES)
    at += np.repeat((first - start) * NUM_PITCHES + stretches.row, crossed)
    packed = np.zeros((int(last.max()) + 1) * NUM_PITCHES, np.uint32)
    np.add.at(packed, at, masks)
    return packed.reshape(-1, NUM_PITCHES)


def find_stretches(packed: np.ndarray, *, onsets: np.ndarray | None = None) -> Stretches:
    """Find each stretch of sounding cells, by pitch, then time.

    Args:
        packed: packed slices of consecutive quarters, uint32 (quarters, 88).
        onsets: packed onset channel; an onset that rises inside a stretch begins another one.

    Raises:
        ValueError: for a wrong shape or type.
    """
    _check_packed(packed)
    begins = packed & ~cell_before(packed, None)
    if onsets is not None:
        _check_packed(onsets)
        if onsets.shape != packed.shape:
            raise ValueError(
                f"onsets has shape {onsets.shape} and the packed slices {packed.shape}; these must be equal"
            )
        begins |= packed & onsets & ~cell_before(onsets, None)
    ends = packed & (cell_after(begins) | ~cell_after(packed))
    row, first = _positions(begins)
    return Stretches(row, first, _positions(ends)[1])


def _positions(packed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return row and tick of each set cell, by row, then tick."""
    by_pitch = packed.T.ravel()
    at = np.flatnonzero(by_pitch)
    word, tick = np.nonzero(unpack(by_pitch[at]))
    row, quarter = np.divmod(at[word], max(len(packed), 1))
    return row, quarter * TICKS_PER_QUARTER + tick


def _check_packed(packed: np.ndarray) -> None:
    if packed.ndim != 2 or packed.shape[1] != NUM_PITCHES or packed.dtype != np.uint32:
        raise ValueError(
            f"packed slices have shape {packed.shape}, type {packed.dtype}; (quarters, 88) uint32 is allowed"
        )


def check_channels(channels: int) -> None:
    """Refuse channels that slices do not have.

    Raises:
        ValueError: There are neither 1 nor 2.
    """
    if channels not in (1, 2):
        raise ValueError(f"channels={channels}; use 1 (sounding) or 2 (sounding, onset)")
