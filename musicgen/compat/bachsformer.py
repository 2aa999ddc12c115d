"""Bachsformer's grid, with its defects. `load_weights` lives beside it and is found here, too."""

from collections import deque
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import mido
import numpy as np
from jaxtyping import Bool

from musicgen.compat.bachsformer_weights import load_weights
from musicgen.config.build import Buildable
from musicgen.music.grid import GridPiece
from musicgen.music.midi import MidiError
from musicgen.music.notes import LOWEST_PITCH, ReadCounts
from musicgen.music.packing import NUM_PITCHES, TICKS_PER_QUARTER, pack

__all__ = ["BachsformerGrid", "draw_notes", "load_weights", "read_notes", "read_slices"]

FILE_TICKS_PER_QUARTER = 480
MAX_QUARTERS = 50_000
MAX_FILE_BYTES = 1 << 20  # mido reads this in about two seconds; the longest of GiantMIDI has 442 kB
COMPRESSION = FILE_TICKS_PER_QUARTER / TICKS_PER_QUARTER


@dataclass(frozen=True)
class BachsformerGrid(Buildable):
    """The report's preprocessing as a grid for `prepare`."""

    @property
    def key(self) -> str:
        """Name the grid and its version: a part of the cache's path."""
        return "bachsformer-v1"

    def read(self, path: str | Path) -> GridPiece:
        """Read a file onto the grid.

        Raises:
            MidiError: The file cannot be read, or the report's program fails on it.
        """
        notes, counts = read_notes(path)
        return GridPiece(packed=pack(draw_notes(notes, str(path))), num_notes=len(notes), counts=counts)


def read_slices(path: str | Path) -> Bool[np.ndarray, "quarters 88 32"]:
    """Cut a MIDI file into slices as the report's corrected program did, bit for bit.

    Its defects are kept: the time of other messages is ignored, a quarter is always 480 ticks, and only one
    of the notes held into a slice is continued.

    Raises:
        MidiError: The file cannot be read, or the report's program fails on it.
    """
    return draw_notes(read_notes(path)[0], str(path))


def read_notes(path: str | Path) -> tuple[list[tuple[int, int, int]], ReadCounts]:
    """Pair the notes of each track first in, first out; return sorted (start, end, row) in file ticks."""
    try:
        if (size := Path(path).stat().st_size) > MAX_FILE_BYTES:
            raise MidiError(f"{size:,} bytes; at most {MAX_FILE_BYTES:,} are read on this grid", str(path))
        contents = BytesIO(Path(path).read_bytes())  # mido reads as many bytes as a chunk claims
        tracks = mido.MidiFile(file=contents).tracks
    except MidiError:
        raise
    except (OSError, EOFError, LookupError, ValueError, TypeError, mido.KeySignatureError) as error:
        raise MidiError(f"cannot be read: {error}", str(path)) from error
    notes, unmatched, unclosed = [], 0, 0
    for track in tracks:
        now, sounding = 0, {}
        for message in track:
            if message.type not in ("note_on", "note_off"):
                continue
            now += message.time
            starts = sounding.setdefault(message.note - LOWEST_PITCH, deque())
            if message.type == "note_on" and message.velocity:
                starts.append(now)
            elif starts:
                notes.append((starts.popleft(), now, message.note - LOWEST_PITCH))
            else:
                unmatched += 1
        unclosed += sum(map(len, sounding.values()))
    return sorted(notes), ReadCounts(unmatched_note_offs=unmatched, unclosed_notes=unclosed)


def draw_notes(notes: list[tuple[int, int, int]], path: str) -> Bool[np.ndarray, "quarters 88 32"]:
    """Draw sorted notes slice by slice; as in the original, rows below A0 wrap around."""
    num_slices = notes[-1][0] // FILE_TICKS_PER_QUARTER + 1 if notes else 1
    if num_slices > MAX_QUARTERS:
        raise MidiError(f"{num_slices:,} quarters long; at most {MAX_QUARTERS:,} fit on this grid", path)
    if max((row for _, _, row in notes), default=0) >= NUM_PITCHES:
        raise MidiError("a pitch above C8, on which Bachsformer's program stops; use grid=clock", path)
    sounding = np.zeros((num_slices, NUM_PITCHES, TICKS_PER_QUARTER), dtype=bool)
    onsets = np.zeros_like(sounding)
    tails: deque[tuple[int, int, int]] = deque()
    current = 0
    for start, end, row in notes:
        first, last = start // FILE_TICKS_PER_QUARTER, end // FILE_TICKS_PER_QUARTER
        while current < first:
            current += 1
            if tails:
                _draw_tail(sounding[current], *tails.popleft())
        onset = int(start % FILE_TICKS_PER_QUARTER / COMPRESSION)
        stop = TICKS_PER_QUARTER if first < last else int(end % FILE_TICKS_PER_QUARTER / COMPRESSION)
        sounding[current, row, onset:stop] = True
        onsets[current, row, onset] = True
        if len(tails) >= num_slices - current:
            continue  # only one continuation per slice is drawn
        for crossed in range(first + 1, min(last, first + 1 + num_slices)):
            tails.append((crossed * FILE_TICKS_PER_QUARTER, (crossed + 1) * FILE_TICKS_PER_QUARTER, row))
        if first < last and end % FILE_TICKS_PER_QUARTER:
            tails.append((last * FILE_TICKS_PER_QUARTER, end, row))
    return _show_onsets(sounding, onsets)


def _draw_tail(piano_roll: Bool[np.ndarray, "pitches ticks"], start: int, end: int, row: int) -> None:
    """Draw a note's continuation; as in the original, a full slice is lost (its end wraps to 0)."""
    begin = round(start % FILE_TICKS_PER_QUARTER / COMPRESSION)
    piano_roll[row, begin : round(end % FILE_TICKS_PER_QUARTER / COMPRESSION)] = True


def _show_onsets(
    sounding: Bool[np.ndarray, "quarters pitches ticks"], onsets: Bool[np.ndarray, "quarters pitches ticks"]
) -> Bool[np.ndarray, "quarters pitches ticks"]:
    """Clear the cell before each onset, across slices, then draw the onsets."""
    before = np.zeros_like(onsets)
    before[:, :, :-1] = onsets[:, :, 1:]
    before[:-1, :, -1] = onsets[1:, :, 0]
    return (sounding & ~before) | onsets
