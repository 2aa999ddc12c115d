"""Read MIDI files into notes, also where a header or a chunk's length is wrong."""

import struct
from pathlib import Path

import numpy as np

from musicgen.music.midi.errors import MidiError, SilentMidiError
from musicgen.music.midi.events import EventReader, Events, Notes, pair_notes
from musicgen.music.midi.meta import read_score_map
from musicgen.music.midi.sustain import lengthen_by_pedal
from musicgen.music.notes import Performance, ReadCounts

READER_VERSION = 2  # a part of every cache's name: raise it whenever other notes come out
MAX_FILE_BYTES = 1 << 25
MAX_NOTES = 1_000_000
MAX_HOURS = 12
MAX_ALIEN_CHUNKS = 1000
_END_OF_TRACK = b"\x00\xff\x2f\x00"  # what stands at the end of every track
_MAC_HEADER_BYTES = 128  # of MacBinary, in front of files from old Macintoshes


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


def read_chunks(data: bytes) -> tuple[int, Events]:
    """Read the header and all tracks; chunks of other kinds are skipped.

    What is wrong and can mean only one thing is mended and counted: a header that counts more or fewer
    tracks than there are, a length that disagrees with where the track ends, a file that lacks nothing but
    (a part of) its last end-of-track event, type 2 with a single track.

    Args:
        data: the whole file, also in a RIFF (RMID) or MacBinary wrapper.

    Returns:
        Ticks per quarter, and the events.

    Raises:
        MidiError: when it is no MIDI file that holds one sequence of tracks.
    """
    data = _unwrapped(data)
    begin, kind, number, ticks_per_quarter = _header(data)
    reader = EventReader(data)
    found, mended = _read_tracks(reader, begin, number)
    if found == 0:
        raise MidiError(
            f"truncated: 0 of {number} tracks are there" if number else "no notes: the header says 0 tracks"
        )
    if kind == 2 and found > 1:
        raise MidiError(f"type 2 with {found} tracks (independent patterns); types 0 and 1 are allowed")
    structure = ReadCounts(
        missing_tracks=max(number - found, 0),
        uncounted_tracks=max(found - number, 0),
        mended_track_lengths=mended,
    )
    return ticks_per_quarter, reader.events(structure)


def _unwrapped(data: bytes) -> bytes:
    """Take a standard MIDI file out of what is around it."""
    if data[:4] == b"RIFF" and data[8:12] == b"RMID":
        at = 12
        while at + 8 <= len(data):
            size = int.from_bytes(data[at + 4 : at + 8], "little")
            if data[at : at + 4] == b"data":
                return data[at + 8 : at + 8 + size]
            at += 8 + size + size % 2
        raise MidiError("a RIFF wrapper without a MIDI file in it")
    if data[:1] == b"\0" and data[_MAC_HEADER_BYTES : _MAC_HEADER_BYTES + 4] == b"MThd":
        return data[_MAC_HEADER_BYTES:]
    return data


def _header(data: bytes) -> tuple[int, int, int, int]:
    """Return where the first chunk begins, the type, the number of tracks and the ticks per quarter."""
    if data[:4] != b"MThd":
        raise MidiError("not a MIDI file" if data else "not a MIDI file: it is empty")
    if len(data) < 14:
        raise MidiError("truncated in the header")
    size, kind, number, division = struct.unpack(">IHHH", data[4:14])
    if size < 6:
        raise MidiError(f"corrupt: a header of {size} bytes; 6 are needed")
    if kind > 2:
        raise MidiError(f"corrupt: type {kind}; types 0 and 1 are allowed")
    if division == 0:
        raise MidiError("corrupt: a division of 0 ticks per quarter")
    if division >= 0x8000:
        raise MidiError("SMPTE division; ticks per quarter are needed")
    return 8 + size, kind, number, division


def _read_tracks(reader: EventReader, at: int, number: int) -> tuple[int, int]:
    """Read all tracks; return how many there are, and of how many the length was wrong."""
    found = mended = aliens = 0
    while at + 8 <= len(reader.data):
        size = int.from_bytes(reader.data[at + 4 : at + 8], "big")
        if _is_track(reader.data, at):
            found += 1
            at, was_mended = _read_track(reader, at + 8, at + 8 + size, is_last=found >= number)
            mended += was_mended
        elif found >= number:  # what follows the tracks need not be chunks
            break
        else:
            if at + 8 + size > len(reader.data):
                raise _truncated(reader.data, at + 8, size)
            if (aliens := aliens + 1) > MAX_ALIEN_CHUNKS:
                raise MidiError(f"corrupt: more than {MAX_ALIEN_CHUNKS} chunks that are not tracks")
            at += 8 + size
    return found, mended


def _read_track(reader: EventReader, begin: int, end: int, *, is_last: bool) -> tuple[int, bool]:
    """Read a track whose chunk says that it ends at `end`.

    Args:
        reader: where the events go.
        begin: index of the first byte of the content.
        end: index after the last one, as the chunk says.
        is_last: whether the header counts no more tracks, so that anything may follow.

    Returns:
        Where the next chunk begins, and whether the length was wrong.
    """
    if end > len(reader.data):
        return _read_cut_track(reader, begin, end), True
    fits = end == len(reader.data) or _is_chunk(reader.data, end)
    try:
        stop = reader.read_track(begin, end)
    except MidiError:
        if fits or (following := _read_longer(reader, begin)) is None:
            raise
        return following, True
    if stop.is_closed and _is_track(reader.data, stop.at):
        return stop.at, stop.at < end
    if stop.is_closed or fits:
        return end, False
    reader.forget_track()
    if (following := _read_longer(reader, begin)) is not None:
        return following, True
    if not (is_last or len(reader.data) - end < 8):
        raise MidiError(f"corrupt: what follows the track that ends at byte {end} is no chunk")
    return reader.read_track(begin, end).at, False


def _read_longer(reader: EventReader, begin: int) -> int | None:
    """Read a track beyond its chunk's length, if an end-of-track event and a chunk follow there."""
    try:
        stop = reader.read_track(begin, len(reader.data))
    except MidiError:
        return None
    if stop.is_closed and (stop.at == len(reader.data) or _is_track(reader.data, stop.at)):
        return stop.at
    reader.forget_track()
    return None


def _read_cut_track(reader: EventReader, begin: int, end: int) -> int:
    """Read a track whose chunk runs past the end of the file, if it lacks nothing but its last event."""
    missing = end - len(reader.data)
    error = _truncated(reader.data, begin, end - begin)
    if missing <= len(_END_OF_TRACK):
        reader.data += _END_OF_TRACK[-missing:]
    try:
        stop = reader.read_track(begin, len(reader.data))
    except MidiError:
        raise error from None
    if not stop.is_closed:
        raise error
    return stop.at if _is_track(reader.data, stop.at) else len(reader.data)


def _is_track(data: bytes, at: int) -> bool:
    return data[at : at + 4] == b"MTrk"


def _is_chunk(data: bytes, at: int) -> bool:
    return at + 8 <= len(data) and data[at : at + 4].isalnum() and data[at : at + 4].isascii()


def _truncated(data: bytes, begin: int, size: int) -> MidiError:
    return MidiError(f"truncated: a chunk of {size:,} bytes with {len(data) - begin:,} left")
