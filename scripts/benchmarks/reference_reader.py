"""Reference: read MIDI message by message and draw float arrays note by note.

Written from the description of what the original does (mido's parser, an event matrix that grows by
`np.hstack`, a float64 raster), but right: time is the sum of all delta times, and every held cell is drawn.
"""

from pathlib import Path

import mido
import numpy as np

from musicgen.music.notes import LOWEST_PITCH
from musicgen.music.packing import NUM_PITCHES, TICKS_PER_QUARTER


def read_and_draw(path: Path) -> np.ndarray:
    """Give the slices of a file, float64 (quarters, 88, 32)."""
    return draw(paired(read_messages(path)))


def read_messages(path: Path) -> np.ndarray:
    """Give note events as columns (quarters, pitch, is_on), the matrix grown message by message."""
    file = mido.MidiFile(path)
    events = np.zeros((3, 0))
    for track in file.tracks:
        clock = 0
        for message in track:
            clock += message.time
            if message.type in ("note_on", "note_off"):
                is_on = message.type == "note_on" and message.velocity > 0
                event = [[clock / file.ticks_per_beat], [message.note], [float(is_on)]]
                events = np.hstack([events, event])
    return events


def paired(events: np.ndarray) -> list[tuple[int, int, int]]:
    """Pair on and off, first in, first out: (pitch index, first tick, end tick) a note."""
    sounding: dict[int, list[float]] = {}
    notes = []
    for quarters, pitch, is_on in events.T:
        if is_on:
            sounding.setdefault(int(pitch), []).append(quarters)
        elif sounding.get(int(pitch)):
            begin = round(sounding[int(pitch)].pop(0) * TICKS_PER_QUARTER)
            end = max(begin + 1, round(quarters * TICKS_PER_QUARTER))
            notes.append((int(pitch) - LOWEST_PITCH, begin, end))
    return [note for note in notes if 0 <= note[0] < NUM_PITCHES]


def draw(notes: list[tuple[int, int, int]]) -> np.ndarray:
    """Draw notes cell range by cell range into a slice each."""
    first = min((begin for _, begin, _ in notes), default=0) // TICKS_PER_QUARTER
    last = max((end for _, _, end in notes), default=0)
    slices = np.zeros((max(0, -(-last // TICKS_PER_QUARTER) - first), NUM_PITCHES, TICKS_PER_QUARTER))
    for pitch, begin, end in sorted(notes, key=lambda note: note[1]):
        for quarter in range(begin // TICKS_PER_QUARTER, (end - 1) // TICKS_PER_QUARTER + 1):
            start = quarter * TICKS_PER_QUARTER
            left, right = max(begin, start) - start, min(end, start + TICKS_PER_QUARTER) - start
            slices[quarter - first, pitch, left:right] = 1.0
        _part_from_the_note_before(slices, pitch, begin - first * TICKS_PER_QUARTER)
    return slices


def _part_from_the_note_before(slices: np.ndarray, pitch: int, begin: int) -> None:
    """Clear the cell before a re-struck onset, unless that cell is where the note before began."""
    if begin < 2:
        return
    before, two_before = divmod(begin - 1, TICKS_PER_QUARTER), divmod(begin - 2, TICKS_PER_QUARTER)
    if slices[before[0], pitch, before[1]] and slices[two_before[0], pitch, two_before[1]]:
        slices[before[0], pitch, before[1]] = 0.0
