"""Read what a MIDI file says besides its notes into a score map."""

import numpy as np
from jaxtyping import Bool, Int64, UInt8

from musicgen.music.midi.events import DRUM_CHANNEL, META, Events
from musicgen.music.notes import ReadCounts
from musicgen.music.score_map import DEFAULT_TEMPO_US, PEDALS, Marker, ScoreMap

_MARKER, _SET_TEMPO, _TIME_SIGNATURE, _KEY_SIGNATURE = 0x06, 0x51, 0x58, 0x59
_SMALLEST_BEAT = 6  # a 64th, as a power of two
_MAX_SHARPS = 7
_MAX_MARKERS = 1000
_TEXTS = (0x01, 0x02, 0x04, 0x05, 0x07)  # text, copyright, instrument, lyric, cue
TRACK_NAME = "Piano"
"""The name of the track that pieces are written to."""

_TRACK_NAME, _SEQUENCER_SPECIFIC = 0x03, 0x7F
_UNMEASURED = (0, 64)  # release velocities of keys that do not measure them
_NOT_KEPT = {0xA: "key pressures", 0xC: "program changes", 0xD: "channel pressures", 0xE: "pitch bends"}

_Changes = tuple[Int64[np.ndarray, " changes"], Int64[np.ndarray, "changes values"]]


def read_score_map(events: Events, *, ticks_per_quarter: int) -> tuple[ScoreMap, ReadCounts]:
    """Read tempo, metre, key, pedals and markers of all tracks, and count those that are none.

    Args:
        events: the events of all tracks.
        ticks_per_quarter: the file's resolution.
    """
    metas = np.flatnonzero(events.status == META)
    kinds = events.data1[metas]
    tempo_tick, tempo, bad_tempos = _tempos(events, metas[kinds == _SET_TEMPO])
    time_tick, time, bad_times = _time_signatures(events, metas[kinds == _TIME_SIGNATURE])
    key_tick, key, bad_keys = _key_signatures(events, metas[kinds == _KEY_SIGNATURE])
    pedal_tick, pedal, others = _pedals(events)
    score = ScoreMap(
        ticks_per_quarter=ticks_per_quarter,
        tempo_tick=tempo_tick,
        tempo_us=tempo,
        time_signature_tick=time_tick,
        time_signature=time,
        key_tick=key_tick,
        key=key,
        pedal_tick=pedal_tick,
        pedal=pedal,
        markers=_markers(events, metas[kinds == _MARKER]),
        not_kept=(
            *_not_kept(events, kinds, controllers=others),
            *_names_lost(events, metas[kinds == _TRACK_NAME]),
        ),
    )
    return score, ReadCounts(bad_tempos=bad_tempos, bad_signatures=bad_times + bad_keys)


def _tempos(
    events: Events, where: Int64[np.ndarray, " found"]
) -> tuple[Int64[np.ndarray, " tempos"], Int64[np.ndarray, " tempos"], int]:
    """Return where tempos begin, the tempos, and how many tempo events are none.

    A tempo has three bytes. Bytes behind them are ignored, as the standard asks of every meta event, and a
    zero in front of them is skipped: with it a quarter would last less than a fifteenth of a second.
    """
    size, at = _content(events, where)
    at = at + ((size > 3) & (events.data[at] == 0))
    high, middle, low = (events.data[at + byte].astype(np.int64) for byte in range(3))
    tempo = high << 16 | middle << 8 | low
    is_tempo = (size >= 3) & (tempo > 0)
    tick, values = _in_order(events.tick[where[is_tempo]], tempo[is_tempo, None])
    if len(tick) == 0 or tick[0] > 0:
        tick, values = np.insert(tick, 0, 0), np.insert(values, 0, DEFAULT_TEMPO_US, axis=0)
    return tick, values[:, 0], int(np.count_nonzero(~is_tempo))


def _time_signatures(events: Events, where: Int64[np.ndarray, " found"]) -> tuple[*_Changes, int]:
    size, at = _content(events, where)
    beats, power = (events.data[at + byte].astype(np.int64) for byte in range(2))
    is_signature = (size >= 2) & (beats > 0) & (power <= _SMALLEST_BEAT)
    values = np.stack([beats, 1 << np.minimum(power, _SMALLEST_BEAT)], axis=1)
    changes = _in_order(events.tick[where[is_signature]], values[is_signature])
    return *changes, int(np.count_nonzero(~is_signature))


def _key_signatures(events: Events, where: Int64[np.ndarray, " found"]) -> tuple[*_Changes, int]:
    size, at = _content(events, where)
    sharps, minor = events.data[at].view(np.int8).astype(np.int64), events.data[at + 1].astype(np.int64)
    is_signature = (size >= 2) & (np.abs(sharps) <= _MAX_SHARPS) & (minor <= 1)
    values = np.stack([sharps, minor], axis=1)
    changes = _in_order(events.tick[where[is_signature]], values[is_signature])
    return *changes, int(np.count_nonzero(~is_signature))


def _pedals(events: Events) -> tuple[*_Changes, int]:
    """Return the pedals' moves, and how many controllers are others.

    Where several channels move a pedal, it is as far down as the lowest of them.
    """
    is_controller = (events.status & 0xF0) == 0xB0
    where = np.flatnonzero(is_controller & ((events.status & 0x0F) != DRUM_CHANNEL))
    where = where[np.isin(events.data1[where], list(PEDALS))]
    others = int(np.count_nonzero(is_controller)) - len(where)
    where = where[np.argsort(events.tick[where], kind="stable")]
    controller, value = events.data1[where], events.data2[where]
    channel = events.status[where] & 0x0F
    for number in PEDALS:
        mine = controller == number
        if len(np.unique(channel[mine])) > 1:
            value[mine] = _lowest(channel[mine], value[mine])
    return events.tick[where], np.stack([controller, value], axis=1).astype(np.int64), others


def _lowest(channel: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Return after each move the largest of the values that the channels hold."""
    largest, places = np.zeros_like(value), np.arange(1, len(value) + 1)
    for number in np.unique(channel).tolist():
        latest = np.maximum.accumulate(np.where(channel == number, places, 0))
        largest = np.maximum(largest, np.concatenate(([0], value))[latest].astype(value.dtype))
    return largest


def _markers(events: Events, where: Int64[np.ndarray, " found"]) -> tuple[Marker, ...]:
    size, at = _content(events, where[:_MAX_MARKERS])
    found = []
    for index, begin, length in zip(where[:_MAX_MARKERS].tolist(), at.tolist(), size.tolist(), strict=True):
        text = events.data[begin : begin + length].tobytes()
        try:
            found.append(Marker(int(events.tick[index]), text.decode("utf-8")))
        except UnicodeDecodeError:
            found.append(Marker(int(events.tick[index]), text.decode("latin-1")))
    return tuple(sorted(found, key=lambda marker: marker.tick))


def _not_kept(
    events: Events, metas: UInt8[np.ndarray, " metas"], *, controllers: int
) -> tuple[tuple[str, int], ...]:
    """Count what has no place in a score map or among notes, by kind."""
    kinds = np.bincount(events.status >> 4, minlength=16)
    counts = {name: int(kinds[kind]) for kind, name in _NOT_KEPT.items()}
    releases = events.data2[(events.status & 0xF0) == 0x80]
    exclusive = int(np.isin(events.status, (0xF0, 0xF7)).sum())
    track = np.repeat(np.arange(len(events.counts)), events.counts)
    tracks = len(np.unique(track[(events.status & 0xF0) == 0x90]))
    counts |= {"tracks, which become one": tracks if tracks > 1 else 0}
    counts |= {
        "other controllers": controllers,
        "texts": int(np.isin(metas, _TEXTS).sum()),
        "system exclusive messages": exclusive,
        "release velocities": int((~np.isin(releases, _UNMEASURED)).sum()),
        "sequencer-specific data": int((metas == _SEQUENCER_SPECIFIC).sum()),
    }
    return tuple((name, count) for name, count in counts.items() if count)


def _names_lost(events: Events, where: Int64[np.ndarray, " found"]) -> tuple[tuple[str, int], ...]:
    """Count the track names that a piece does not have when it is written again."""
    size, at = _content(events, where)
    names = [events.data[a : a + n].tobytes() for a, n in zip(at.tolist(), size.tolist(), strict=True)]
    lost = sum(name != TRACK_NAME.encode() for name in names)
    return (("track names", lost),) if lost else ()


def _content(
    events: Events, where: Int64[np.ndarray, " found"]
) -> tuple[Int64[np.ndarray, " found"], Int64[np.ndarray, " found"]]:
    """Return the size of meta events (127 for longer ones), and where their content begins."""
    size, begin = events.data[events.position[where] + 1].astype(np.int64), events.position[where] + 2
    while (more := events.data[begin - 1] >= 0x80).any():
        begin, size = begin + more, np.where(more, 127, size)
    return size, begin


def _in_order(tick: Int64[np.ndarray, " found"], values: Int64[np.ndarray, "found values"]) -> _Changes:
    """Sort changes by time; of those at one tick the last counts."""
    order = np.argsort(tick, kind="stable")
    tick, values = tick[order], values[order]
    last: Bool[np.ndarray, " found"] = np.append(tick[1:] > tick[:-1], np.ones(min(len(tick), 1), bool))
    return tick[last], values[last]
