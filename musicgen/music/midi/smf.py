"""Read MIDI files into notes and write notes into MIDI files."""

import struct
from pathlib import Path
from typing import Any

import mido
import numpy as np

from musicgen.files.atomic import atomic_path
from musicgen.music.midi.chain import read_events
from musicgen.music.midi.events import META, PADDING, Events, MidiError, SilentMidiError
from musicgen.music.midi.pairing import Notes, lengthen_by_pedal, pair_notes
from musicgen.music.notes import Performance

__all__ = ["READER_VERSION", "MidiError", "SilentMidiError", "read_midi", "write_midi"]

READER_VERSION = 1  # a part of every cache's name: raise it whenever other notes come out
MAX_FILE_BYTES = 1 << 25
MAX_NOTES = 1_000_000
MAX_HOURS = 12
MAX_ALIEN_CHUNKS = 1000
DEFAULT_TEMPO = 500_000  # microseconds a quarter, until a file says otherwise
MAX_DELTA = (1 << 28) - 1  # the longest pause that a MIDI file can write, in ticks
_SET_TEMPO = 0x51


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
        The notes, sorted by onset, then pitch, with the counts of what was dropped or mended.

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
    """Give the file's bytes, but never more than a file may have."""
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
    ticks_per_quarter, tracks = _chunks(contents)
    events = read_events(contents, tracks)
    data = np.frombuffer(contents + bytes(PADDING), np.uint8)
    tempo_map = _TempoMap(events, data, ticks_per_quarter)
    hours = float(tempo_map.seconds(events.end_tick.max(keepdims=True))[0]) / 3600
    if hours > MAX_HOURS:
        raise MidiError(f"lasts {hours:.1f} hours; at most {MAX_HOURS} are allowed")
    notes = pair_notes(events)
    if len(notes.pitch) > MAX_NOTES:
        raise MidiError(f"holds {len(notes.pitch):,} notes; at most {MAX_NOTES:,} are allowed")
    if len(notes.pitch) == 0:
        raise SilentMidiError(f"no notes ({notes.counts})")
    offset = lengthen_by_pedal(notes, events) if sustain else notes.offset
    order = _order(notes)
    onset, offset = notes.onset[order], offset[order]
    return Performance(
        pitch=notes.pitch[order].astype(np.int16),
        onset_s=tempo_map.seconds(onset),
        offset_s=tempo_map.seconds(offset),
        onset_quarters=onset / ticks_per_quarter,
        offset_quarters=offset / ticks_per_quarter,
        velocity=notes.velocity[order],
        counts=notes.counts,
    )


def _order(notes: Notes) -> np.ndarray:
    """Sort by onset, then pitch; notes equal in both keep their order."""
    number, last = len(notes.onset), int(notes.onset.max())
    if last < 1 << 36:  # all in one integer: sorting those is several times as fast as lexsort
        return np.sort((notes.onset << 7 | notes.pitch) << 20 | np.arange(number)) & ((1 << 20) - 1)
    return np.lexsort((notes.pitch, notes.onset))


def _chunks(data: bytes) -> tuple[int, list[tuple[int, int]]]:
    """Give the ticks per quarter and where each track lies; alien chunks are skipped."""
    if data[:4] == b"RIFF" and data[8:12] == b"RMID":
        raise MidiError("a MIDI file in a RIFF wrapper; save it as a standard MIDI file")
    if data[:4] != b"MThd":
        raise MidiError("not a MIDI file" if data else "not a MIDI file: it is empty")
    if len(data) < 14:
        raise MidiError("truncated in the header")
    size, kind, number, division = struct.unpack(">IHHH", data[4:14])
    if size < 6:
        raise MidiError(f"corrupt: a header of {size} bytes; 6 are needed")
    if kind == 2:
        raise MidiError("type 2 (independent patterns); types 0 and 1 are allowed")
    if kind > 2:
        raise MidiError(f"corrupt: type {kind}; types 0 and 1 are allowed")
    if division == 0:
        raise MidiError("corrupt: a division of 0 ticks per quarter")
    if division >= 0x8000:
        raise MidiError("SMPTE division; ticks per quarter are needed")
    if number == 0:
        raise MidiError("no notes: the header says 0 tracks")
    tracks, at, aliens = [], 8 + size, 0
    while len(tracks) < number:
        if at + 8 > len(data):
            raise MidiError(f"truncated: {len(tracks)} of {number} tracks are there")
        size = int.from_bytes(data[at + 4 : at + 8], "big")
        begin, end = at + 8, at + 8 + size
        if end > len(data):
            raise MidiError(f"truncated: a chunk of {size:,} bytes with {len(data) - begin:,} left")
        if data[at : at + 4] == b"MTrk":
            tracks.append((begin, end))
        elif (aliens := aliens + 1) > MAX_ALIEN_CHUNKS:
            raise MidiError(f"corrupt: more than {MAX_ALIEN_CHUNKS} chunks that are not tracks")
        at = end
    return division, tracks


class _TempoMap:
    """Turn ticks into seconds by the tempo changes of all tracks."""

    def __init__(self, events: Events, data: np.ndarray, ticks_per_quarter: int):
        where = np.flatnonzero(events.status == META)
        where = where[events.data1[where] == _SET_TEMPO]
        at = events.position[where]
        if (data[at + 1] != 3).any():
            raise MidiError("corrupt: a tempo that is not of three bytes")
        high, middle, low = (data[at + byte].astype(np.int64) for byte in (2, 3, 4))
        tempo = high << 16 | middle << 8 | low
        if (tempo == 0).any():
            raise MidiError("a tempo of 0 microseconds per quarter")
        order = np.argsort(events.tick[where], kind="stable")
        self._begin = np.concatenate(([0], events.tick[where[order]]))
        self._tick_s = np.concatenate(([DEFAULT_TEMPO], tempo[order])) / (1e6 * ticks_per_quarter)
        self._begin_s = np.concatenate(([0.0], np.cumsum(np.diff(self._begin) * self._tick_s[:-1])))

    def seconds(self, tick: np.ndarray) -> np.ndarray:
        if tick.min() >= self._begin[-1]:
            return self._begin_s[-1] + (tick - self._begin[-1]) * self._tick_s[-1]
        part = np.searchsorted(self._begin, tick, "right") - 1
        return self._begin_s[part] + (tick - self._begin[part]) * self._tick_s[part]


def write_midi(
    performance: Performance,
    path: str | Path,
    *,
    tempo_bpm: float = 120.0,
    ticks_per_quarter: int = 480,
    time_signature: tuple[int, int] = (4, 4),
) -> None:
    """Write notes as a MIDI file of type 1, whole or not at all.

    Times are taken in quarters; every note is closed and lasts at least a tick. The same notes
    give the same bytes.

    Args:
        performance: the notes; none is allowed.
        path: the file to write; its folder must be there.
        tempo_bpm: quarter notes a minute, 4 to 1,000,000.
        ticks_per_quarter: resolution, 1 to 32,767.
        time_signature: beats a bar, and the note that is a beat (a power of two).

    Raises:
        ValueError: when a setting is not allowed or a pause is longer than a file can write.
    """
    if not 4 <= tempo_bpm <= 1e6:
        raise ValueError(f"tempo_bpm={tempo_bpm} cannot be written; use 4 to 1,000,000")
    if not 1 <= ticks_per_quarter <= 0x7FFF:
        raise ValueError(f"ticks_per_quarter={ticks_per_quarter} cannot be written; use 1 to {0x7FFF}")
    beats, unit = time_signature
    if not (1 <= beats <= 255 and unit in (1, 2, 4, 8, 16, 32, 64)):
        raise ValueError(f"time_signature={time_signature} cannot be written; use for example (4, 4)")
    head = mido.MidiTrack(
        [
            mido.MetaMessage("set_tempo", tempo=round(60e6 / tempo_bpm)),
            mido.MetaMessage("time_signature", numerator=beats, denominator=unit),
        ]
    )
    file = mido.MidiFile(type=1, ticks_per_beat=ticks_per_quarter)
    file.tracks += [head, _piano_track(performance, ticks_per_quarter)]
    with atomic_path(path) as temporary:
        file.save(temporary)


def _piano_track(performance: Performance, ticks_per_quarter: int) -> Any:
    onset = np.rint(performance.onset_quarters * ticks_per_quarter).astype(np.int64)
    offset = np.maximum(np.rint(performance.offset_quarters * ticks_per_quarter).astype(np.int64), onset + 1)
    number = len(performance)
    tick = np.concatenate((offset, onset))
    pitch = np.tile(performance.pitch, 2)
    velocity = np.concatenate((np.zeros(number, np.int64), performance.velocity))
    order = np.lexsort((pitch, velocity > 0, tick))  # at one tick, ends before starts
    delta = np.diff(tick[order], prepend=0)
    if delta.max(initial=0) > MAX_DELTA:
        raise ValueError(f"a pause of {delta.max()} ticks; a MIDI file can write {MAX_DELTA}")
    track = mido.MidiTrack([mido.MetaMessage("track_name", name="Piano")])
    events = zip(velocity[order].tolist(), pitch[order].tolist(), delta.tolist(), strict=True)
    for value, note, time in events:
        kind = "note_on" if value else "note_off"
        track.append(mido.Message(kind, note=note, velocity=value, time=time))
    return track
