"""Read what the meta events of a MIDI file say of its time."""

import numpy as np
from jaxtyping import Int64

from musicgen.music.midi.events import META, Events
from musicgen.music.notes import ReadCounts
from musicgen.music.score_map import DEFAULT_TEMPO_US, ScoreMap

_SET_TEMPO = 0x51


def read_score_map(events: Events, *, ticks_per_quarter: int) -> tuple[ScoreMap, ReadCounts]:
    """Read the tempo changes of all tracks, and count those that are none.

    Args:
        events: the events of all tracks.
        ticks_per_quarter: the file's resolution.
    """
    tick, tempo, dropped = _tempos(events)
    last = np.append(tick[1:] > tick[:-1], True)  # of those at one tick
    score = ScoreMap(ticks_per_quarter=ticks_per_quarter, tempo_tick=tick[last], tempo_us=tempo[last])
    return score, ReadCounts(bad_tempos=dropped)


def _tempos(
    events: Events,
) -> tuple[Int64[np.ndarray, " tempos"], Int64[np.ndarray, " tempos"], int]:
    """Return where tempos begin, the tempos, and how many tempo events are none.

    A tempo has three bytes. Bytes behind them are ignored, as the standard asks of every meta event, and a
    zero in front of them is skipped: with it a quarter would last less than a fifteenth of a second.
    """
    where = _meta(events, _SET_TEMPO)
    size, at = _content(events, where)
    at = at + ((size > 3) & (events.data[at] == 0))
    high, middle, low = (events.data[at + byte].astype(np.int64) for byte in range(3))
    tempo = high << 16 | middle << 8 | low
    is_tempo = (size >= 3) & (tempo > 0)
    where, tempo = where[is_tempo], tempo[is_tempo]
    order = np.argsort(events.tick[where], kind="stable")
    tick = np.concatenate(([0], events.tick[where[order]]))
    return tick, np.concatenate(([DEFAULT_TEMPO_US], tempo[order])), int(np.count_nonzero(~is_tempo))


def _meta(events: Events, kind: int) -> Int64[np.ndarray, " found"]:
    """Find the meta events of a kind."""
    where = np.flatnonzero(events.status == META)
    return where[events.data1[where] == kind]


def _content(
    events: Events, where: Int64[np.ndarray, " found"]
) -> tuple[Int64[np.ndarray, " found"], Int64[np.ndarray, " found"]]:
    """Return the size of meta events up to 127 bytes, 127 for longer ones, and where they begin."""
    length_at = events.position[where] + 1
    size, begin = events.data[length_at].astype(np.int64), length_at + 1
    while (more := events.data[begin - 1] >= 0x80).any():
        begin, size = begin + more, np.where(more, 127, size)
    return size, begin
