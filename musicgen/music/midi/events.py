"""Hold the events of MIDI tracks, and cut a track into events one after the other."""

from array import array
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64, UInt8

MAX_EVENTS = 3_000_000  # a million notes, and as many other events
PADDING = 16  # zeros behind a file's bytes, so that an event may be looked at beyond the end
META, END_OF_TRACK = 0xFF, 0x2F


class MidiError(ValueError):
    """Say that a file cannot be read as music, and why.

    Attributes:
        reason: what is wrong with it.
        path: the file, empty where only its bytes are known.
    """

    def __init__(self, reason: str, path: str = ""):
        super().__init__(reason, path)
        self.reason = reason
        self.path = path

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}" if self.path else self.reason


class SilentMidiError(MidiError):
    """Say that a file is whole and holds no notes."""


@dataclass(frozen=True)
class Events:
    """Hold the events of all tracks, track after track, in the file's order.

    Attributes:
        tick: time since the beginning of the track, in ticks.
        status: status byte, running status resolved; 0xFF is a meta event.
        data1: first byte after the status (of a meta event its type).
        data2: second byte after the status; means nothing where a message has one.
        position: index of the first byte after the status.
        counts: number of events of each track.
        end_tick: when each track ends, in ticks.
    """

    tick: Int64[np.ndarray, " events"]
    status: UInt8[np.ndarray, " events"]
    data1: UInt8[np.ndarray, " events"]
    data2: UInt8[np.ndarray, " events"]
    position: Int64[np.ndarray, " events"]
    counts: Int64[np.ndarray, " tracks"]
    end_tick: Int64[np.ndarray, " tracks"]


def read_events_slowly(data: bytes, tracks: list[tuple[int, int]]) -> Events:
    """Cut tracks into events one after the other: the plain way, and the measure of `chain.read_events`.

    A channel message sets the running status; meta and system exclusive events leave it alone.

    Args:
        data: the whole file.
        tracks: begin and end of the content of each track chunk, in the file's order.

    Raises:
        MidiError: when a track is corrupt or the file holds more than `MAX_EVENTS` events.
    """
    deltas, statuses, positions, counts = array("q"), bytearray(), array("q"), []
    for begin, end in tracks:
        at, running, before = begin, 0, len(deltas)
        while at < end:
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
            deltas.append(delta)
            statuses.append(status)
            positions.append(at)
            if status < 0xF0:
                running = status
                size = 1 if status & 0xE0 == 0xC0 else 2
                if at + size > end or data[at] > 127 or data[at + size - 1] > 127:
                    raise MidiError(
                        f"corrupt: bytes {at} and on are not the data of a 0x{status:02x} message"
                    )
                at += size
                continue
            if status not in (0xF0, 0xF7, META):
                raise MidiError(f"corrupt: status 0x{status:02x} at byte {at - 1} has no place in a file")
            length, after = _variable_length(data, at + (status == META), end)
            if after + length > end:
                raise MidiError(f"corrupt: the event at byte {at} runs past the end of its track")
            at = end if status == META and data[at] == END_OF_TRACK else after + length
        counts.append(len(deltas) - before)
        check_number(len(deltas))
    padded = np.frombuffer(data + bytes(PADDING), np.uint8)
    delta, position = np.array(deltas, np.int64), np.array(positions, np.int64)
    return with_ticks(delta, np.array(statuses), position, padded, np.array(counts, np.int64))


def with_ticks(
    delta: np.ndarray, status: np.ndarray, position: np.ndarray, data: np.ndarray, counts: np.ndarray
) -> Events:
    """Sum the delta times of all events, whatever their kind, within each track.

    Args:
        delta: time since the event before, in ticks.
        status: status bytes.
        position: index of the first byte after the status.
        data: the file's bytes.
        counts: events in each track.
    """
    total = np.zeros(len(delta) + 1, np.int64)
    np.cumsum(delta, out=total[1:])
    last = np.cumsum(counts)
    base = total[last - counts]
    return Events(
        tick=total[1:] - np.repeat(base, counts),
        status=status,
        data1=data.take(position),
        data2=data.take(position + 1),
        position=position,
        counts=counts,
        end_tick=total[last] - base,
    )


def check_number(events: int) -> None:
    """Raise `MidiError` for more than `MAX_EVENTS` events."""
    if events > MAX_EVENTS:
        raise MidiError(f"more than {MAX_EVENTS:,} events; split the file")


def _variable_length(data: bytes, at: int, end: int) -> tuple[int, int]:
    """Read a number of one to four bytes; give it and the index after it."""
    value = 0
    for index in range(at, min(at + 4, end)):
        value = value << 7 | data[index] & 0x7F
        if data[index] < 0x80:
            return value, index + 1
    raise MidiError(f"corrupt: no end of the variable-length number at byte {at}")
