"""Thirty-two ticks of a pitch in one number: packing, and what is asked of packed cells."""

import numpy as np
from jaxtyping import Bool, UInt32

TICKS_PER_QUARTER = 32
NUM_PITCHES = 88

PackedSlices = UInt32[np.ndarray, "quarters pitches"]


def pack(slices: Bool[np.ndarray, "*batch pitches ticks"]) -> UInt32[np.ndarray, "*batch pitches"]:
    """Pack 32 ticks into one uint32; the lowest bit is tick 0."""
    return np.packbits(slices, axis=-1, bitorder="little").view("<u4")[..., 0].astype(np.uint32, copy=False)


def unpack(packed: UInt32[np.ndarray, "*batch pitches"]) -> Bool[np.ndarray, "*batch pitches ticks"]:
    """Unpack to 32 ticks each."""
    octets = np.ascontiguousarray(packed, "<u4")[..., None].view(np.uint8)
    return np.unpackbits(octets, axis=-1, bitorder="little").view(bool)


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
