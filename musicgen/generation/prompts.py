"""Read the beginning that a new piece is to continue."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt32

from musicgen.music.grid import Grid


def read_prompt(
    path: str | Path, *, grid: Grid, num_quarters: int | None = None
) -> UInt32[np.ndarray, "quarters pitches"]:
    """Read a MIDI file as the training pieces were read.

    Args:
        path: The file.
        grid: The grid of the run.
        num_quarters: Take so many quarters of the beginning; None takes all.

    Returns:
        Packed slices (quarters, 88).

    Raises:
        MidiError: The file cannot be read as music.
        ValueError: `num_quarters` is not 1 or more.
    """
    if num_quarters is not None and num_quarters < 1:
        raise ValueError(f"prompt_quarters={num_quarters}; use 1 or more, or null for the whole file")
    return grid.read(Path(path)).packed[:num_quarters]
