"""Density of slices: counts of sounding cells and of onsets."""

import numpy as np
from jaxtyping import Int64

from musicgen.data.store.packed import PackedPieces
from musicgen.music.packing import NUM_PITCHES, TICKS_PER_QUARTER, packed_onsets


def pitch_counts(pieces: PackedPieces) -> Int64[np.ndarray, " pitches"]:
    """Count the sounding cells of each pitch, in constant memory.

    Args:
        pieces: The pieces.

    Returns:
        88 counts.
    """
    counts = np.zeros(NUM_PITCHES, np.int64)
    for packed in pieces.blocks():
        counts += np.bitwise_count(packed).sum(axis=0, dtype=np.int64)
    return counts


def channel_densities(pieces: PackedPieces, *, channels: int) -> list[float]:
    """Return the share of cells that are on, one number per channel, strictly between 0 and 1.

    Args:
        pieces: The pieces.
        channels: 1 (sounding) or 2 (sounding, onset).

    Returns:
        The shares, one added to both outcomes.
    """
    counts = [int(pitch_counts(pieces).sum())]
    if channels > 1:
        numbers = range(len(pieces.pieces))
        counts.append(
            sum(int(np.bitwise_count(packed_onsets(pieces.piece(n))).sum(dtype=np.int64)) for n in numbers)
        )
    cells = len(pieces) * NUM_PITCHES * TICKS_PER_QUARTER
    return [(count + 1) / (cells + 2) for count in counts]
