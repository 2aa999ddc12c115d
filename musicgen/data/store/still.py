"""Cut quarters in which nothing begins or ends."""

import numpy as np
from jaxtyping import UInt32

LONGEST_STILL_QUARTERS = 32
"""Longer silences and held chords are no music: 16 seconds of a performance, eight bars of a score."""

_LEFT_QUARTERS = 8


def cut_still(
    packed: UInt32[np.ndarray, "quarters pitches"],
) -> tuple[UInt32[np.ndarray, "kept pitches"], int]:
    """Shorten long silences and drones to a few quarters.

    One stray note makes an hour of silence of a short piece, a note without its end an hour of a drone.

    Args:
        packed: Packed slices of a piece.

    Returns:
        The slices that stay, and how many were cut.
    """
    if len(packed) <= LONGEST_STILL_QUARTERS:
        return packed, 0
    held = packed[1:]
    all_ticks = np.uint32(0xFFFFFFFF)
    is_still = ((held == packed[:-1]) & ((held == 0) | (held == all_ticks))).all(axis=1)
    edges = np.flatnonzero(np.diff(np.r_[False, is_still, False]))
    keep = np.ones(len(packed), bool)
    for start, stop in edges.reshape(-1, 2).tolist():
        if stop - start > LONGEST_STILL_QUARTERS:
            keep[start + 1 + _LEFT_QUARTERS : stop + 1] = False
    return packed[keep], int(len(packed) - keep.sum())
