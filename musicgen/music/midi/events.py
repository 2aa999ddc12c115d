"""Cut the bytes of MIDI tracks into events, and pair those that begin and end notes."""

from array import array
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64, Integer, UInt8

from musicgen.music.midi.errors import MidiError
from musicgen.music.notes import HIGHEST_PITCH, LOWEST_PITCH, ReadCounts

MAX_EVENTS = 3_000_000  # a million notes, and as many other events
PADDING = 16  # zeros behind a file's bytes, so that an event may be looked at beyond the end
META, END_OF_TRACK = 0xFF, 0x2F
DRUM_CHANNEL = 9  # counted from 0; musicians call it channel 10
DROPPED = 0xFE  # status of an event that keeps its delta time and means nothing
_SYSTEM_SIZES = {0xF1: 1, 0xF2: 2, 0xF3: 1, 0xF6: 0, 0xF8: 0, 0xFA: 0, 0xFB: 0, 0xFC: 0, 0xFE: 0}


@dataclass(frozen=True)
class Events:
    """The events of all tracks, track after track, in the file's order.

    Attributes:
        tick: time since the beginning of the track, in ticks.
        status: status byte, running status resolved; 0xFF is a meta event, 0xFE one that was dropped.
        data1: first byte after the status (of a meta event its type).
        data2: second byte after the status; means nothing where a message has one.
        position: index of the first byte after the status.
        counts: number of events of each track.
        end_tick: when each track ends, in ticks.
        mended: what was dropped or mended on the way.
        data: the file's bytes, with a few zeros behind them.
    """

    tick: Int64[np.ndarray, " events"]
    status: UInt8[np.ndarray, " events"]
    data1: UInt8[np.ndarray, " events"]
    data2: UInt8[np.ndarray, " events"]
    position: Int64[np.ndarray, " events"]
    counts: Int64[np.ndarray, " tracks"]
    end_tick: Int64[np.ndarray, " tracks"]
    mended: ReadCounts
    data: UInt8[np.ndarray, " bytes"]


@dataclass(frozen=True)
class TrackEnd:
    """Where the reading of a track stopped.

    Attributes:
        at: index after the last event.
        is_closed: whether that was an end-of-track event.
    """

    at: int
    is_closed: bool


class EventReader:
    """Collects the events of one file, track by track.

    A channel message sets the running status; meta, system exclusive and system messages leave it alone.
    Messages have the length that their status says. One with a data byte over 127 is dropped, but for a
    note whose velocity alone is over 127: that is taken as 127.

    Args:
        data: the whole file.
    """

    def __init__(self, data: bytes):
        self.data = data
        self._delta, self._status, self._position = array("q"), bytearray(), array("q")
        self._counts: list[int] = []
        self._high: list[int] = []  # events with a data byte over 127

    def read_track(self, begin: int, end: int) -> TrackEnd:
        """Read events from `begin` to an end-of-track event, or to `end`.

        Raises:
            MidiError: when what is there is no track, or the file holds more than `MAX_EVENTS` events;
                nothing of the track is kept.
        """
        before, high_before = len(self._delta), len(self._high)
        try:
            stop = self._read_events(begin, end)
        except MidiError:
            del self._delta[before:], self._status[before:], self._position[before:]
            del self._high[high_before:]
            raise
        self._counts.append(len(self._delta) - before)
        return stop

    def forget_track(self) -> None:
        """Remove the track that was read last."""
        number = self._counts.pop()
        before = len(self._delta) - number
        del self._delta[before:], self._status[before:], self._position[before:]
        self._high = [index for index in self._high if index < before]

    def _read_events(self, begin: int, end: int) -> TrackEnd:
        data, at, running = self.data, begin, 0
        add_delta, add_status, add_position = self._delta.append, self._status.append, self._position.append
        for _ in range(MAX_EVENTS - len(self._delta)):
            if at >= end:
                return TrackEnd(at, is_closed=False)
            delta = data[at]
            at += 1
            if delta >= 0x80:
                delta, at = _variable_length(data, at - 1, end)
            status = data[at] if at < end else 0
            if status >= 0x80:
                at += 1
            elif at >= end or not running:
                raise MidiError(f"corrupt: byte {at} should be a status and is not")
            else:
                status = running
            add_delta(delta)
            add_status(status)
            add_position(at)
            if status < 0xF0:
                running = status
                size = 1 if status & 0xE0 == 0xC0 else 2
                if at + size > end:
                    raise MidiError(f"corrupt: the message at byte {at} runs past the end of its track")
                if data[at] > 127 or data[at + size - 1] > 127:
                    self._high.append(len(self._delta) - 1)
                at += size
            elif status in _SYSTEM_SIZES:
                self._status[-1] = DROPPED
                at += _SYSTEM_SIZES[status]
            elif status not in (0xF0, 0xF7, META):
                raise MidiError(f"corrupt: status 0x{status:02x} at byte {at - 1} has no place in a file")
            else:
                length, after = _variable_length(data, at + (status == META), end)
                if after + length > end:
                    raise MidiError(f"corrupt: the event at byte {at} runs past the end of its track")
                at, kind = after + length, data[at]
                if status == META and kind == END_OF_TRACK:
                    return TrackEnd(at, is_closed=True)
        if at >= end:
            return TrackEnd(at, is_closed=False)
        raise MidiError(f"more than {MAX_EVENTS:,} events; split the file")

    def events(self, structure: ReadCounts) -> Events:
        """Return the events of all tracks that were read.

        Args:
            structure: what was mended in the file's chunks.

        Raises:
            MidiError: when so many messages carry data bytes over 127 that they can be no messages.
        """
        data = np.frombuffer(self.data + bytes(PADDING), np.uint8)
        system = self._status.count(DROPPED)
        loud = [index for index in self._high if self._is_loud_note(index)]
        dropped = len(self._high) - len(loud)
        if dropped > max(10, len(self._status) // 10):
            raise MidiError(f"corrupt: {dropped} of {len(self._status)} messages carry data bytes over 127")
        status, position = np.array(self._status), np.array(self._position, np.int64)
        status[self._high] = DROPPED
        status[loud] = [self._status[index] for index in loud]
        data2 = data.take(position + 1)
        data2[loud] = 127
        counts = np.array(self._counts, np.int64)
        tick, end_tick = _sum_deltas(np.array(self._delta, np.int64), counts)
        mended = ReadCounts(system_messages=system, bad_messages=dropped, loud_velocities=len(loud))
        return Events(
            tick=tick,
            status=status,
            data1=data.take(position),
            data2=data2,
            position=position,
            counts=counts,
            end_tick=end_tick,
            mended=structure + mended,
            data=data,
        )

    def _is_loud_note(self, index: int) -> bool:
        return self._status[index] & 0xE0 == 0x80 and self.data[self._position[index]] < 128


def _sum_deltas(delta: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sum the delta times of all events, whatever their kind, within each track: ticks, and tracks' ends."""
    total = np.zeros(len(delta) + 1, np.int64)
    np.cumsum(delta, out=total[1:])
    last = np.cumsum(counts)
    base = total[last - counts]
    return total[1:] - np.repeat(base, counts), total[last] - base


def _variable_length(data: bytes, at: int, end: int) -> tuple[int, int]:
    """Read a number of one to four bytes; return it and the index after it."""
    value = 0
    for index in range(at, min(at + 4, end)):
        value = value << 7 | data[index] & 0x7F
        if data[index] < 0x80:
            return value, index + 1
    raise MidiError(f"corrupt: no end of the variable-length number at byte {at}")


@dataclass(frozen=True)
class Notes:
    """Paired notes, grouped by track, channel and pitch; times in ticks."""

    channel: Integer[np.ndarray, " notes"]
    pitch: Integer[np.ndarray, " notes"]
    velocity: UInt8[np.ndarray, " notes"]
    onset: Int64[np.ndarray, " notes"]
    offset: Int64[np.ndarray, " notes"]
    counts: ReadCounts


def pair_notes(events: Events) -> Notes:
    """Pair the first open note_on of a track, channel and pitch with the next note_off.

    A note_off with nothing sounding is dropped, a note never closed ends at the end of its
    track, notes of no length, outside A0..C8 or on the drum channel are dropped: all counted.
    """
    key, drum_notes = _group_keys(events)
    order = key.argsort(kind="stable")[: np.count_nonzero(key != np.iinfo(key.dtype).max)]
    key, tick, velocity = key.take(order), events.tick.take(order), events.data2.take(order)
    is_on = (velocity > 0) & (events.status.take(order) >= 0x90)
    unmatched = unclosed = 0
    if _alternate(key, is_on):
        onset, end, key, velocity = tick[::2], tick[1::2], key[::2], velocity[::2]
    else:
        orphan = _orphans(key, is_on)
        unmatched = int(orphan.sum())
        key, is_on, tick, velocity = (array[~orphan] for array in (key, is_on, tick, velocity))
        unclosed = 2 * int(is_on.sum()) - len(key)
        # Without orphans no group has more ends than starts. Once the missing ends are put in,
        # the n-th end of all belongs to the n-th start of all.
        end = _with_missing_ends(key, is_on, tick[~is_on], events.end_tick)
        onset, key, velocity = tick[is_on], key[is_on], velocity[is_on]
    pitch = key & 0x7F
    has_length = end > onset
    in_range = (pitch >= LOWEST_PITCH) & (pitch <= HIGHEST_PITCH)
    counts = ReadCounts(
        unmatched_note_offs=unmatched,
        unclosed_notes=unclosed,
        zero_length_notes=int(np.count_nonzero(~has_length)),
        out_of_range_notes=int(np.count_nonzero(has_length & ~in_range)),
        drum_notes=drum_notes,
    )
    keep = has_length & in_range
    if not keep.all():
        key, pitch, velocity, onset, end = (array[keep] for array in (key, pitch, velocity, onset, end))
    return Notes(key >> 7 & 0x0F, pitch, velocity, onset, end, counts)


def _group_keys(events: Events) -> tuple[np.ndarray, int]:
    """Number each note event by track, channel and pitch; count the drum notes left out."""
    kind = np.uint16 if len(events.counts) < 32 else np.int64  # two bytes are sorted by radix, much faster
    track = np.repeat(np.arange(len(events.counts), dtype=kind), events.counts)
    key = track << 11 | (events.status & 0x0F).astype(kind) << 7 | events.data1
    is_note = (events.status & 0xE0) == 0x80
    is_drum = is_note & ((events.status & 0x0F) == DRUM_CHANNEL)
    drum_notes = int(np.count_nonzero(is_drum & (events.status >= 0x90) & (events.data2 > 0)))
    return np.where(is_note & ~is_drum, key, np.iinfo(kind).max), drum_notes


def _alternate(key: np.ndarray, is_on: np.ndarray) -> bool:
    """Whether starts and ends take turns in every group, as they do in almost every file."""
    if len(key) % 2 or not is_on[::2].all() or is_on[1::2].any():
        return False
    return bool((key[::2] == key[1::2]).all())


def _orphans(key: np.ndarray, is_on: np.ndarray) -> np.ndarray:
    """Mark the note_offs of each group (equal keys) that find nothing sounding.

    The number of sounding notes never falls below zero: an end is an orphan where the plain
    running sum of starts minus ends reaches a new low below zero.
    """
    depth = np.cumsum(np.where(is_on, 1, -1))
    first = np.flatnonzero(np.diff(key, prepend=-1))
    counts = np.diff(first, append=len(key))
    before = np.concatenate(([0], depth))[first]
    depth -= np.repeat(before, counts)
    if not len(depth) or depth.min() >= 0:
        return np.zeros(len(key), bool)
    level = np.repeat(np.arange(len(first)), counts) * (len(key) + 1)  # each group far below the one before
    low = np.minimum(depth, 0) - level
    before_low = np.concatenate(([0], np.minimum.accumulate(low)[:-1]))
    before_low[first] = -level[first]
    return low < before_low


def _with_missing_ends(
    key: np.ndarray, is_on: np.ndarray, end: np.ndarray, end_tick: np.ndarray
) -> np.ndarray:
    """Close what is still open at the end of its track."""
    groups = np.unique(key)
    number_on = np.searchsorted(key[is_on], groups, "right") - np.searchsorted(key[is_on], groups)
    last_end = np.searchsorted(key[~is_on], groups, "right")
    number_off = last_end - np.searchsorted(key[~is_on], groups)
    missing = number_on - number_off
    return np.insert(end, np.repeat(last_end, missing), np.repeat(end_tick[groups >> 11], missing))
