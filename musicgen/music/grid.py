"""Turn notes into quarter-note slices of 88 pitches by 32 ticks, and back."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool

from musicgen.config.build import Buildable
from musicgen.music.midi import READER_VERSION, MidiError, read_midi
from musicgen.music.notes import LOWEST_PITCH, Performance, ReadCounts
from musicgen.music.packing import (
    NUM_PITCHES,
    TICKS_PER_QUARTER,
    PackedSlices,
    SliceLayout,
    Stretches,
    draw_stretches,
    find_stretches,
    pack,
    packed_ticks,
    ticks_at,
    unpack,
)
from musicgen.music.score_map import ScoreMap

MAX_QUARTERS = 200_000  # 70 MB packed; twelve hours at 277 quarters a minute

Slices = Bool[np.ndarray, "quarters pitches ticks"]


@dataclass(frozen=True, eq=False)
class GridPiece:
    """One piece on the grid.

    Attributes:
        packed: packed slices, (quarters, 88); bit t of a number is tick t.
        num_notes: notes read from the file.
        counts: what was dropped or mended while reading.
    """

    packed: PackedSlices
    num_notes: int
    counts: ReadCounts


@runtime_checkable
class Grid(Protocol):
    """How the time of a file becomes ticks."""

    @property
    def key(self) -> str:
        """Name the grid, its settings and the reader's version: a part of the cache's path."""
        ...

    def read(self, path: str | Path) -> GridPiece:
        """Read a file onto the grid; `MidiError` when it holds no music."""
        ...


@runtime_checkable
class PlayedGrid(Grid, Protocol):
    """A grid whose cells are rounded from the times of the notes, so that cells and notes can be compared."""

    @property
    def ticks(self) -> int:
        """Steps per quarter to which onsets and offsets are rounded."""
        ...

    def performance(self, path: str | Path) -> Performance:
        """Read the notes of a file, in quarters of this grid, before they are rounded."""
        ...


@dataclass(frozen=True)
class ClockGrid(Buildable):
    """Take quarters from the file's tempo map, to the nearest tick of the whole piece.

    Attributes:
        sustain: lengthen notes by the sustain pedal.
        ticks: steps per quarter, see `SliceLayout`: onsets and offsets go to the nearest one.

    Raises:
        ValueError: no layout has so many ticks.
    """

    sustain: bool = False
    ticks: int = TICKS_PER_QUARTER

    def __post_init__(self) -> None:
        SliceLayout(ticks=self.ticks)

    @property
    def key(self) -> str:
        """Name the grid, its settings and the reader's version."""
        ticks = "" if self.ticks == TICKS_PER_QUARTER else f"-{self.ticks}ticks"
        return f"clock{ticks}{'-sustain' if self.sustain else ''}-v{READER_VERSION}"

    def read(self, path: str | Path) -> GridPiece:
        """Read a file onto the grid.

        Raises:
            MidiError: when the file cannot be read, or is longer than `MAX_QUARTERS`.
        """
        performance = self.performance(path)
        try:
            packed = to_packed(performance, ticks=self.ticks)
        except MidiError as error:
            raise MidiError(error.reason, str(path)) from None
        return GridPiece(packed=packed, num_notes=len(performance), counts=performance.counts)

    def performance(self, path: str | Path) -> Performance:
        """Read the notes of a file, in quarters of its tempo map.

        Raises:
            MidiError: the file cannot be read.
        """
        return read_midi(path, sustain=self.sustain)


def ticks_of(grid: Grid) -> int:
    """Return the steps per quarter of a grid's cells: the packed ones where it does not round to its own."""
    return grid.ticks if isinstance(grid, PlayedGrid) else TICKS_PER_QUARTER


def to_packed(performance: Performance, *, ticks: int = TICKS_PER_QUARTER) -> PackedSlices:
    """Draw all held cells of all notes, in every slice that a note crosses.

    Onsets and offsets go to the nearest tick of the whole piece's time line; a note lasts at
    least a tick. The packed tick before a re-struck onset of a sounding pitch is cleared, except
    where it is itself an onset: with up to 16 ticks every onset stays visible.
    The first slice is the quarter of the first onset.

    Args:
        performance: the notes.
        ticks: steps per quarter; each is drawn as all the packed ticks that it lasts, see `SliceLayout`.

    Returns:
        Packed slices, 352 bytes a quarter.

    Raises:
        MidiError: when the piece is longer than `MAX_QUARTERS`.
    """
    if len(performance) == 0:
        return np.zeros((0, NUM_PITCHES), np.uint32)
    first_quarter = int(np.rint(performance.onset_quarters[0] * ticks)) // ticks
    length = performance.duration_quarters - first_quarter
    if not length <= MAX_QUARTERS:
        raise MidiError(f"{length:.0f} quarters long; at most {MAX_QUARTERS:,} fit on the grid")
    return draw_stretches(_held_cells(performance, first_quarter, ticks=ticks))


def _held_cells(performance: Performance, first_quarter: int, *, ticks: int) -> Stretches:
    """Return the cells that each note holds, one stretch per onset cell."""
    onset = np.rint(performance.onset_quarters * ticks)
    offset = np.maximum(np.rint(performance.offset_quarters * ticks), onset + 1)
    offset = packed_ticks(offset, ticks=ticks)
    onset = packed_ticks(onset, ticks=ticks)
    order = (performance.pitch - LOWEST_PITCH).astype(np.uint8).argsort(kind="stable")  # onsets stay in order
    line = int(offset.max()) + TICKS_PER_QUARTER  # all pitches on one time line, one after the other
    pitch = performance.pitch.take(order).astype(np.int64) - LOWEST_PITCH
    base = pitch * line
    begin = base + onset.take(order)
    end = np.maximum.accumulate(base + offset.take(order))  # also of earlier notes that sound longer
    is_last = np.append(begin[1:] > begin[:-1], True)  # of the notes that share an onset cell
    if not is_last.all():
        pitch, base, begin, end = pitch[is_last], base[is_last], begin[is_last], end[is_last]
    following = np.append(begin[1:], np.iinfo(np.int64).max)
    end = np.minimum(end, np.maximum(following - 1, begin + 1))
    shift = base + first_quarter * TICKS_PER_QUARTER
    return Stretches(pitch, begin - shift, end - 1 - shift)


def from_packed(
    packed: np.ndarray,
    *,
    tempo_bpm: float = 120.0,
    velocity: int = 80,
    onsets: np.ndarray | None = None,
    ticks: int = TICKS_PER_QUARTER,
) -> Performance:
    """Read each run of sounding cells as one note.

    Where a grid's ticks are no whole numbers of packed ticks, a note lasts from the beginning of the tick in
    which its run begins to the end of the tick in which it ends: a third of a quarter is not 11 of 32, and
    the packed tick that `to_packed` cleared before a note is struck again sounds once more.

    Args:
        packed: packed slices of consecutive quarters, uint32 (quarters, 88).
        tempo_bpm: quarters a minute, for the times in seconds.
        velocity: loudness of all notes, 1 to 127.
        onsets: packed onset channel; an onset that rises inside a run begins a new note.
        ticks: steps per quarter of the grid from which the slices come.

    Raises:
        ValueError: for a wrong shape, type, tempo, velocity or number of ticks.
    """
    SliceLayout(ticks=ticks)
    if not 0 < tempo_bpm < float("inf"):
        raise ValueError(f"tempo_bpm={tempo_bpm} is not a tempo; use for example 120")
    sounding = find_stretches(packed, onsets=onsets)
    onset, last = sounding.first, sounding.last
    if TICKS_PER_QUARTER % ticks:
        onset, last = ticks_at(onset, ticks=ticks), ticks_at(last, ticks=ticks)
    else:
        ticks = TICKS_PER_QUARTER
    quarters = {"onset": onset / ticks, "offset": (last + 1) / ticks}
    return Performance.from_arrays(
        sounding.row + LOWEST_PITCH,
        onset_s=quarters["onset"] * 60 / tempo_bpm,
        offset_s=quarters["offset"] * 60 / tempo_bpm,
        onset_quarters=quarters["onset"],
        offset_quarters=quarters["offset"],
        velocity=velocity,
        score=ScoreMap.constant(tempo_bpm=tempo_bpm),
    )


def to_slices(performance: Performance) -> Slices:
    """Draw notes as `to_packed` does, one byte per cell (2,816 bytes per quarter)."""
    return unpack(to_packed(performance))


def from_slices(
    slices: np.ndarray,
    *,
    onsets: np.ndarray | None = None,
    tempo_bpm: float = 120.0,
    velocity: int = 80,
    ticks: int = TICKS_PER_QUARTER,
) -> Performance:
    """Read each run of sounding cells as one note, as `from_packed` does.

    Args:
        slices: sounding cells, bool (quarters, 88, 32).
        onsets: onset channel of the same shape.
        tempo_bpm: quarters a minute.
        velocity: loudness of all notes, 1 to 127.
        ticks: steps per quarter of the grid from which the slices come.

    Raises:
        ValueError: for a wrong shape, type, tempo, velocity or number of ticks.
    """
    onset_channel = None if onsets is None else pack(_checked_slices(onsets))
    packed = pack(_checked_slices(slices))
    return from_packed(packed, tempo_bpm=tempo_bpm, velocity=velocity, onsets=onset_channel, ticks=ticks)


def _checked_slices(slices: np.ndarray) -> np.ndarray:
    array = np.asarray(slices)
    if array.ndim != 3 or array.shape[1:] != (NUM_PITCHES, TICKS_PER_QUARTER):
        raise ValueError(
            f"slices have shape {array.shape}; (quarters, {NUM_PITCHES}, {TICKS_PER_QUARTER}) is allowed"
        )
    if array.dtype != bool and not (np.issubdtype(array.dtype, np.integer) and np.isin(array, (0, 1)).all()):
        raise ValueError(f"slices have type {array.dtype}; give bool, for example probabilities > 0.5")
    return array.astype(bool, copy=False)
