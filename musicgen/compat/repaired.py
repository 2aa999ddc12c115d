"""Variants of Bachsformer's grid with a defect fixed, to measure its effect."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from musicgen.compat.bachsformer import FILE_TICKS_PER_QUARTER, draw_notes, read_notes
from musicgen.config.build import Buildable
from musicgen.music.grid import GridPiece, to_packed
from musicgen.music.midi import read_midi
from musicgen.music.notes import LOWEST_PITCH, Performance
from musicgen.music.packing import pack


@dataclass(frozen=True)
class TrueTimeGrid(Buildable):
    """Grid with correct time and quarters, but drawn as in Bachsformer."""

    @property
    def key(self) -> str:
        """Name the grid and its version: a part of the cache's path."""
        return "bachsformer-true-time-v1"

    def read(self, path: str | Path) -> GridPiece:
        """Read a file onto the grid.

        Raises:
            MidiError: The file cannot be read, or is too long for the grid.
        """
        performance = read_midi(path)
        start = np.rint(performance.onset_quarters * FILE_TICKS_PER_QUARTER).astype(np.int64)
        end = np.rint(performance.offset_quarters * FILE_TICKS_PER_QUARTER).astype(np.int64)
        row = performance.pitch.astype(np.int64) - LOWEST_PITCH
        notes = sorted(zip(start.tolist(), end.tolist(), row.tolist(), strict=True))
        packed = pack(draw_notes(notes, str(path)))
        return GridPiece(packed=packed, num_notes=len(notes), counts=performance.counts)


@dataclass(frozen=True)
class AllTailsGrid(Buildable):
    """Grid with Bachsformer's time, but with every held note drawn."""

    @property
    def key(self) -> str:
        """Name the grid and its version: a part of the cache's path."""
        return "bachsformer-all-tails-v1"

    def read(self, path: str | Path) -> GridPiece:
        """Read a file onto the grid.

        Raises:
            MidiError: The file cannot be read.
        """
        notes, counts = read_notes(path)
        known = [note for note in notes if note[2] >= 0 and note[1] > note[0]]
        start, end, row = np.array(known, dtype=np.float64).reshape(-1, 3).T
        onset, offset = start / FILE_TICKS_PER_QUARTER, end / FILE_TICKS_PER_QUARTER
        performance = Performance.from_arrays(
            row.astype(np.int64) + LOWEST_PITCH,
            onset_s=onset / 2,
            offset_s=offset / 2,
            onset_quarters=onset,
            offset_quarters=offset,
        )
        return GridPiece(packed=to_packed(performance), num_notes=len(known), counts=counts)
