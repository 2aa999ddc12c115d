"""Cut the bytes of MIDI tracks into events, without a loop over events."""

import numpy as np

from musicgen.music.midi.events import (
    END_OF_TRACK,
    META,
    PADDING,
    Events,
    check_number,
    read_events_slowly,
    with_ticks,
)

BLOCK_BYTES = 1 << 16  # bounds the memory of a long file
_STRIDE_ROUNDS = 4  # each halves the Python loop over events and costs one gather over all bytes


def read_events(data: bytes, tracks: list[tuple[int, int]]) -> Events:
    """Cut tracks into events.

    For every byte it is worked out where the next event would begin if one began there; the
    chain from the first byte then gives the events. That takes running status to carry two
    data bytes. Where it does not, or where anything else is odd, `read_events_slowly` decides.

    Args:
        data: the whole file.
        tracks: begin and end of the content of each track chunk, in the file's order.

    Raises:
        MidiError: as `read_events_slowly`.
    """
    padded = np.frombuffer(data + bytes(PADDING), np.uint8)
    begins, ends = np.array(tracks, np.int64).reshape(-1, 2).T
    starts = _event_starts(padded, begins, ends)
    if starts is None:
        return read_events_slowly(data, tracks)
    first = starts.searchsorted(begins)
    delta, status_at, deltas_end = _deltas(padded, starts)
    status, position, runs_on_two_bytes = _statuses(padded, status_at, first)
    if not (deltas_end and runs_on_two_bytes):
        return read_events_slowly(data, tracks)
    events = with_ticks(delta, status, position, padded, np.diff(first, append=len(starts)))
    return events if _is_allowed(events) else read_events_slowly(data, tracks)


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
        check_number(number)
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
    length = high + np.uint8(2)  # of an event that has its status here
    length -= (block & 0xE0) == 0xC0
    body_end = np.arange(len(block))
    body_end += length
    system = np.flatnonzero(block[: size + 4] >= 0xF0)
    if len(system):
        body_end[system] = _system_ends(block, system, track_ends)
    following = body_end[1 : size + 1].copy()  # a delta time of one byte
    begin = np.flatnonzero(high[:size])  # a longer one
    third = high[1:].take(begin)
    status_at = begin + 2
    status_at += third
    third &= high[2:].take(begin)
    status_at += third
    following[begin] = body_end.take(status_at)
    return following


def _system_ends(block: np.ndarray, status_at: np.ndarray, track_ends: np.ndarray) -> np.ndarray:
    """Give where meta and system exclusive events end; the end of a track also ends its chunk."""
    is_meta = block[status_at] == META
    at = status_at + 1 + is_meta
    value, more = np.zeros(len(at), np.int64), np.ones(len(at), bool)
    for _ in range(4):
        byte = block[at]
        value = np.where(more, value << 7 | byte & 0x7F, value)
        at += more
        more &= byte >= 0x80
    body_end = np.where(more, np.iinfo(np.int32).max, at + value)
    track_end = track_ends[np.minimum(np.searchsorted(track_ends, status_at, "right"), len(track_ends) - 1)]
    is_last = is_meta & (block[status_at + 1] == END_OF_TRACK) & (body_end <= track_end)
    return np.where(is_last, track_end, body_end)


def _chain(following: np.ndarray, size: int) -> np.ndarray:
    """Follow `following` from 0 until it leaves the block.

    Strides of up to 16 events are found by pointer doubling. An index beyond the block is
    clipped to its last byte, from which all leads beyond the block: what is out stays out.
    """
    strides = [following]
    for _ in range(_STRIDE_ROUNDS):
        strides.append(strides[-1].take(strides[-1], mode="clip"))
    at, anchors, longest = 0, [], strides.pop().data
    while at < size:
        anchors.append(at)
        at = longest[at]
    starts = np.array(anchors)
    for stride in reversed(strides):
        both = np.empty((len(starts), 2), np.int64)
        both[:, 0] = starts
        both[:, 1] = stride.take(starts, mode="clip")
        starts = both.ravel()
    return starts[: int(starts.searchsorted(size))]


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
    data: np.ndarray, status_at: np.ndarray, first: np.ndarray
) -> tuple[np.ndarray, np.ndarray, bool]:
    """Give each event's status, the index after it, and whether all that run carry two bytes.

    Args:
        data: the file.
        status_at: index of the byte after each delta time.
        first: number of the first event of each track.
    """
    status = data.take(status_at)
    is_running = status < 0x80
    position = status_at + 1
    position -= is_running
    running = np.flatnonzero(is_running)
    if len(running) == 0:
        return status, position, True
    carriers = np.flatnonzero((status >= 0x80) & (status < 0xF0))
    none = len(status)
    first_carrier = np.append(carriers, none)[carriers.searchsorted(first)]
    first_running = np.append(running, none)[running.searchsorted(first)]
    if (first_running < first_carrier).any():
        return status, position, False
    carried = np.repeat(status[carriers], np.diff(carriers, append=none))
    np.copyto(status[carriers[0] :], carried, where=is_running[carriers[0] :])
    return status, position, not (is_running & ((status & 0xE0) == 0xC0)).any()


def _is_allowed(events: Events) -> bool:
    """Tell whether all statuses may stand in a file and all data bytes have seven bits."""
    system = events.status[events.status >= 0xF0]
    if not ((system == META) | (system == 0xF0) | (system == 0xF7)).all():
        return False
    high = np.flatnonzero((events.data1 | events.data2) >= 0x80)
    high = high[events.status[high] < 0xF0]
    has_one_byte = (events.status[high] & 0xE0) == 0xC0  # the second is of the next event
    return bool((has_one_byte & (events.data1[high] < 0x80)).all())
