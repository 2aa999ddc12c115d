"""Cut the bytes of MIDI tracks into events."""

from array import array
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64, UInt8

from musicgen.music.midi.errors import MidiError
from musicgen.music.notes import ReadCounts

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
