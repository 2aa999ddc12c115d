"""Let notes sound as long as the sustain pedal holds them."""

import numpy as np
from jaxtyping import Int64

from musicgen.music.midi.events import Events, Notes

_SUSTAIN_CONTROLLER = 64


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
