"""Read MIDI files into notes, each paired of a note_on and a note_off event."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int64, Integer, UInt8

from musicgen.music.midi.chunks import read_chunks
from musicgen.music.midi.errors import MidiError, SilentMidiError
from musicgen.music.midi.events import DRUM_CHANNEL, Events
from musicgen.music.midi.meta import read_score_map
from musicgen.music.notes import HIGHEST_PITCH, LOWEST_PITCH, Performance, ReadCounts

READER_VERSION = 2  # a part of every cache's name: raise it whenever other notes come out
MAX_FILE_BYTES = 1 << 25
MAX_NOTES = 1_000_000
MAX_HOURS = 12
_SUSTAIN_CONTROLLER = 64


@dataclass(frozen=True)
class Notes:
    """Paired notes, grouped by track, channel and pitch; times in ticks."""

    channel: Integer[np.ndarray, " notes"]
    pitch: Integer[np.ndarray, " notes"]
    velocity: UInt8[np.ndarray, " notes"]
    onset: Int64[np.ndarray, " notes"]
    offset: Int64[np.ndarray, " notes"]
    counts: ReadCounts

    def where(self, keep: np.ndarray) -> "Notes":
        """Return the notes that `keep` marks."""
        names = ("channel", "pitch", "velocity", "onset", "offset")
        return Notes(counts=self.counts, **{name: getattr(self, name)[keep] for name in names})


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
    notes = Notes(key >> 7 & 0x0F, pitch, velocity, onset, end, counts)
    keep = has_length & in_range
    return notes if keep.all() else notes.where(keep)


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


def lengthen_by_pedal(notes: Notes, events: Events) -> Int64[np.ndarray, " notes"]:
    """Return offsets that last until the sustain pedal is let go, or the pitch is struck again.

    The pedal (controller 64, down from value 64) belongs to its channel in all tracks. One
    that is never let go holds to the end of the longest track. No note becomes shorter.

    Args:
        notes: paired notes.
        events: the events of all tracks.
    """
    where = np.flatnonzero((events.status & 0xF0) == 0xB0)
    where = where[events.data1[where] == _SUSTAIN_CONTROLLER]
    where = where[np.argsort(events.tick[where], kind="stable")]
    channel = events.status[where] & 0x0F
    is_down = events.data2[where] >= 64
    end = int(events.end_tick.max())
    offset = notes.offset.copy()
    for number in np.unique(channel).tolist():
        mine = channel == number
        tick, down = events.tick[where[mine]], is_down[mine]
        release = np.minimum.accumulate(np.where(down, end, tick)[::-1])[::-1]
        held = np.flatnonzero(notes.channel == number)
        last = np.searchsorted(tick, notes.offset[held], "right") - 1
        held, last = held[last >= 0], last[last >= 0]
        held, last = held[down[last]], last[down[last]]
        offset[held] = np.maximum(release[last], notes.offset[held])
    return np.maximum(notes.offset, np.minimum(offset, _next_onset(notes)))


def _next_onset(notes: Notes) -> np.ndarray:
    """Return for each note the next later onset of its channel and pitch, or the largest integer."""
    order = np.lexsort((notes.onset, notes.pitch, notes.channel))
    group = (notes.channel << 7 | notes.pitch)[order]
    onset = notes.onset[order]
    begins = np.flatnonzero((np.diff(group, prepend=-1) != 0) | (np.diff(onset, prepend=-1) != 0))
    none = np.iinfo(np.int64).max
    same_group = group[begins[1:]] == group[begins[:-1]]
    following = np.append(np.where(same_group, onset[begins[1:]], none), [none] * bool(len(begins)))
    result = np.empty(len(onset), np.int64)
    result[order] = np.repeat(following, np.diff(begins, append=len(onset)))
    return result
