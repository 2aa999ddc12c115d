"""Cut the bytes of MIDI tracks into events, without a loop over events."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64, UInt8

MAX_EVENTS = 4_000_000
BLOCK_BYTES = 1 << 16  # bounds the memory of a long file and keeps a short one in the processor's cache
PADDING = 16  # a delta time, a status, a meta type and a length may be looked at beyond the end
_STRIDE_ROUNDS = 3  # each halves the Python loop over events and costs one gather over all bytes
_META, _END_OF_TRACK = 0xFF, 0x2F


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


@dataclass(frozen=True)
class Events:
    """Hold the events of all tracks, track after track, in the file's order.

    Attributes:
        tick: time since the beginning of the track, in ticks.
        status: status byte, running status resolved; 0xFF is a meta event.
        position: index of the first byte after the status (data byte, or meta type).
        track: number of the track.
        end_tick: when each track ends, in ticks.
    """

    tick: Int64[np.ndarray, " events"]
    status: UInt8[np.ndarray, " events"]
    position: Int64[np.ndarray, " events"]
    track: Int64[np.ndarray, " events"]
    end_tick: Int64[np.ndarray, " tracks"]


def read_events(data: bytes, tracks: list[tuple[int, int]]) -> Events:
    """Cut tracks into events.

    For every byte it is worked out where the next event would begin if one began there; the
    chain from the first byte then gives the events. That takes running status to carry two
    data bytes. Where it does not, or where anything else is odd, `read_events_slowly` decides.

    Args:
        data: the whole file.
        tracks: begin and end of the content of each track chunk, in the file's order.

    Raises:
        MidiError: when a track is corrupt or the file holds more than `MAX_EVENTS` events.
    """
    padded = np.frombuffer(data + bytes(PADDING), np.uint8)
    begins, ends = np.array(tracks, np.int64).reshape(-1, 2).T
    starts = _event_starts(padded, begins, ends)
    if starts is None:
        return read_events_slowly(data, tracks)
    first = np.searchsorted(starts, begins)
    counts = np.diff(first, append=len(starts))
    delta, status_at, delta_is_valid = _deltas(padded, starts)
    status, position, status_is_valid = _statuses(padded, status_at, np.repeat(first, counts))
    if not (delta_is_valid and status_is_valid):
        return read_events_slowly(data, tracks)
    return _with_ticks(delta, status, position, counts)


def read_events_slowly(data: bytes, tracks: list[tuple[int, int]]) -> Events:
    """Cut tracks into events one after the other: what `read_events` must agree with.

    Raises:
        MidiError: as `read_events`.
    """
    deltas, statuses, positions, counts = [], [], [], []
    for begin, end in tracks:
        at, running, before = begin, 0, len(deltas)
        while at < end:
            delta, at = _variable_length(data, at, end)
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
            if status not in (0xF0, 0xF7, _META):
                raise MidiError(f"corrupt: status 0x{status:02x} at byte {at - 1} has no place in a file")
            length, after = _variable_length(data, at + (status == _META), end)
            if after + length > end:
                raise MidiError(f"corrupt: the event at byte {at} runs past the end of its track")
            at = end if status == _META and data[at] == _END_OF_TRACK else after + length
        counts.append(len(deltas) - before)
        _check_number(len(deltas))
    return _with_ticks(
        np.array(deltas, np.int64),
        np.array(statuses, np.uint8),
        np.array(positions, np.int64),
        np.array(counts),
    )


def _variable_length(data: bytes, at: int, end: int) -> tuple[int, int]:
    """Read a number of one to four bytes; give it and the index after it."""
    value = 0
    for index in range(at, min(at + 4, end)):
        value = value << 7 | data[index] & 0x7F
        if data[index] < 0x80:
            return value, index + 1
    raise MidiError(f"corrupt: no end of the variable-length number at byte {at}")


def _check_number(events: int) -> None:
    if events > MAX_EVENTS:
        raise MidiError(f"more than {MAX_EVENTS:,} events; split the file")


def _event_starts(padded: np.ndarray, begins: np.ndarray, ends: np.ndarray) -> np.ndarray | None:
    """Find where events begin, or None where the chain of a track misses the track's end.

    The header of a chunk counts as an event that leads from one track to the next.
    """
    at, end, blocks, number = int(begins[0]), int(ends[-1]), [], 0
    while at < end:
        size = min(BLOCK_BYTES, end - at)
        following = _following(padded[at : at + size + PADDING], size, ends - at)
        first, last = np.searchsorted(ends[:-1], [at, at + size])
        following[ends[first:last] - at] = begins[first + 1 : last + 1] - at
        starts = _chain(following, size)
        blocks.append(starts + at)
        number += len(starts)
        _check_number(number)
        at += int(following[starts[-1]])
    if at != end:
        return None
    starts = np.concatenate(blocks) if blocks else np.zeros(0, np.int64)
    if len(ends) == 1:
        return starts
    headers = np.searchsorted(starts, ends[:-1])
    if len(starts) == 0 or (starts[np.minimum(headers, len(starts) - 1)] != ends[:-1]).any():
        return None
    return np.delete(starts, headers)


def _following(block: np.ndarray, size: int, track_ends: np.ndarray) -> np.ndarray:
    """Give for each of `size` bytes where the next event begins if an event begins here."""
    high = block >= 0x80
    length = high + np.uint8(2) - ((block & 0xE0) == 0xC0)  # of an event that has its status here
    body_end = np.arange(len(block)) + length
    system = np.flatnonzero(block[: size + 4] >= 0xF0)
    body_end[system] = _system_ends(block, system, track_ends)
    following = body_end[1 : size + 1].copy()  # a delta time of one byte
    begin = np.flatnonzero(high[:size])  # a longer one
    third = high[begin + 1]
    following[begin] = body_end[begin + 2 + third + (third & high[begin + 2])]
    return following


def _system_ends(block: np.ndarray, status_at: np.ndarray, track_ends: np.ndarray) -> np.ndarray:
    """Give where meta and system exclusive events end; the end of a track also ends its chunk."""
    is_meta = block[status_at] == _META
    at = status_at + 1 + is_meta
    value, more = np.zeros(len(at), np.int64), np.ones(len(at), bool)
    for _ in range(4):
        byte = block[at]
        value = np.where(more, value << 7 | byte & 0x7F, value)
        at += more
        more &= byte >= 0x80
    body_end = np.where(more, np.iinfo(np.int32).max, at + value)
    track_end = track_ends[np.minimum(np.searchsorted(track_ends, status_at, "right"), len(track_ends) - 1)]
    is_last = is_meta & (block[status_at + 1] == _END_OF_TRACK) & (body_end <= track_end)
    return np.where(is_last, track_end, body_end)


def _chain(following: np.ndarray, size: int) -> np.ndarray:
    """Follow `following` from 0 until it leaves the block; strides are found by pointer doubling."""
    step = np.append(np.minimum(following, size), size)
    strides = [step]
    for _ in range(_STRIDE_ROUNDS):
        strides.append(strides[-1].take(strides[-1]))
    at, anchors, longest = 0, [], memoryview(strides.pop())
    while at < size:
        anchors.append(at)
        at = longest[at]
    starts = np.array(anchors)
    for stride in reversed(strides):
        starts = np.stack((starts, stride[starts]), axis=1).ravel()
    return starts[: np.searchsorted(starts, size)]


def _deltas(padded: np.ndarray, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool]:
    """Give each event's delta time, the index after it, and whether all of them end."""
    byte = padded[starts]
    delta, after = byte.astype(np.int64), starts + 1
    more = np.flatnonzero(byte >= 0x80)
    delta[more] &= 0x7F
    for _ in range(3):
        byte = padded[after[more]]
        delta[more] = delta[more] << 7 | byte & 0x7F
        after[more] += 1
        more = more[byte >= 0x80]
    return delta, after, len(more) == 0


def _statuses(
    padded: np.ndarray, status_at: np.ndarray, first: np.ndarray
) -> tuple[np.ndarray, np.ndarray, bool]:
    """Give each event's status and the index after it, and whether all is as the chain assumed.

    Args:
        padded: the file.
        status_at: index of the byte after each delta time.
        first: for each event the first event of its track.
    """
    status = padded[status_at]
    position = status_at + (status >= 0x80)
    index = np.arange(len(status))
    carrier = np.maximum.accumulate(np.where((status >= 0x80) & (status < 0xF0), index, -1))
    running = status < 0x80
    status = np.where(running, status[carrier], status)
    one_byte = (status & 0xE0) == 0xC0
    is_channel = status < 0xF0
    is_valid: Bool[np.ndarray, " events"] = np.where(
        is_channel,
        (padded[position] < 0x80) & (one_byte | (padded[position + 1] < 0x80)),
        (status == _META) | (status == 0xF0) | (status == 0xF7),
    )
    is_valid &= ~running | (carrier >= first) & ~one_byte
    return status, position, bool(is_valid.all())


def _with_ticks(delta: np.ndarray, status: np.ndarray, position: np.ndarray, counts: np.ndarray) -> Events:
    """Sum the delta times of all events, whatever their kind, within each track."""
    total = np.concatenate(([0], np.cumsum(delta)))
    last = np.cumsum(counts)
    base = total[last - counts]
    return Events(
        tick=total[1:] - np.repeat(base, counts),
        status=status,
        position=position,
        track=np.repeat(np.arange(len(counts)), counts),
        end_tick=total[last] - base,
    )
