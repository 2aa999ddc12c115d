"""Read MIDI files into notes."""

from pathlib import Path

import numpy as np

from musicgen.music.midi.chunks import read_chunks
from musicgen.music.midi.errors import MidiError, SilentMidiError
from musicgen.music.midi.meta import read_score_map
from musicgen.music.midi.pairing import Notes, lengthen_by_pedal, pair_notes
from musicgen.music.notes import Performance

READER_VERSION = 2  # a part of every cache's name: raise it whenever other notes come out
MAX_FILE_BYTES = 1 << 25
MAX_NOTES = 1_000_000
MAX_HOURS = 12


def read_midi(path: str | Path | bytes, sustain: bool = False) -> Performance:
    """Read all notes of a MIDI file (type 0 or 1), drums left out.

    Time is the sum of the delta times of all events, through the tempo map of all tracks.
    Notes are paired first in, first out, for each track, channel and pitch. A file may have
    at most 32 MiB, 3,000,000 events, 1,000,000 notes and 12 hours.

    Args:
        path: the file, or its bytes.
        sustain: lengthen notes to the release of the sustain pedal, or to the next onset of
            the same pitch and channel, whichever is first.

    Returns:
        The notes, sorted by onset, then pitch, with the counts of what was dropped or mended, and what the
        file says of tempo, metre, key and pedals.

    Raises:
        MidiError: when the file cannot be read or is not one that holds music; it gives the
            path and the reason. A `SilentMidiError` when the file is whole and holds no notes.
    """
    name = "<bytes>" if isinstance(path, bytes) else str(path)
    try:
        return _performance(_contents(path), sustain)
    except MidiError as error:
        raise type(error)(error.reason, name) from error.__cause__


def _contents(path: str | Path | bytes) -> bytes:
    """Return the file's bytes, but never more than a file may have."""
    if isinstance(path, bytes):
        data = path
    else:
        try:
            with open(path, "rb") as file:
                data = file.read(MAX_FILE_BYTES + 1)
        except (OSError, ValueError) as error:  # ValueError: a zero byte in the path
            raise MidiError(f"cannot be opened: {error}") from error
    if len(data) > MAX_FILE_BYTES:
        raise MidiError(f"larger than {MAX_FILE_BYTES >> 20} MiB")
    return data


def _performance(contents: bytes, sustain: bool) -> Performance:
    ticks_per_quarter, events = read_chunks(contents)
    score, of_meta = read_score_map(events, ticks_per_quarter=ticks_per_quarter)
    notes = pair_notes(events)
    counts = events.mended + of_meta + notes.counts
    if len(notes.pitch) > MAX_NOTES:
        raise MidiError(f"holds {len(notes.pitch):,} notes; at most {MAX_NOTES:,} are allowed")
    if len(notes.pitch) == 0:
        raise SilentMidiError(f"no notes ({counts})" if str(counts) else "no notes")
    offset = lengthen_by_pedal(notes, events) if sustain else notes.offset
    hours = float(score.seconds(offset.max(keepdims=True))[0]) / 3600
    if hours > MAX_HOURS:
        raise MidiError(f"lasts {hours:.1f} hours; at most {MAX_HOURS} are allowed")
    order = _order(notes)
    onset, offset = notes.onset[order], offset[order]
    return Performance(
        pitch=notes.pitch[order].astype(np.int16),
        onset_s=score.seconds(onset),
        offset_s=score.seconds(offset),
        onset_quarters=onset / ticks_per_quarter,
        offset_quarters=offset / ticks_per_quarter,
        velocity=notes.velocity[order],
        counts=counts,
        score=score,
    )


def _order(notes: Notes) -> np.ndarray:
    """Sort by onset, then pitch; notes equal in both keep their order."""
    number, last = len(notes.onset), int(notes.onset.max())
    if last < 1 << 36:  # all in one integer: sorting those is several times as fast as lexsort
        return np.sort((notes.onset << 7 | notes.pitch) << 20 | np.arange(number)) & ((1 << 20) - 1)
    return np.lexsort((notes.pitch, notes.onset))
