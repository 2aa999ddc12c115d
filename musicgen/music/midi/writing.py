"""Write notes into MIDI files."""

from pathlib import Path
from typing import Any

import mido
import numpy as np

from musicgen.files.atomic import atomic_path
from musicgen.music.notes import Performance

MAX_DELTA = (1 << 28) - 1  # the longest pause that a MIDI file can write, in ticks


def write_midi(
    performance: Performance,
    path: str | Path,
    *,
    tempo_bpm: float = 120.0,
    ticks_per_quarter: int = 480,
    time_signature: tuple[int, int] = (4, 4),
) -> None:
    """Write notes as a MIDI file of type 1, whole or not at all.

    Times are taken in quarters; every note is closed and lasts at least a tick. The same notes
    give the same bytes.

    Args:
        performance: the notes; none is allowed.
        path: the file to write; its folder must be there.
        tempo_bpm: quarter notes a minute, 4 to 1,000,000.
        ticks_per_quarter: resolution, 1 to 32,767.
        time_signature: beats a bar, and the note that is a beat (a power of two).

    Raises:
        ValueError: when a setting is not allowed or a pause is longer than a file can write.
    """
    if not 4 <= tempo_bpm <= 1e6:
        raise ValueError(f"tempo_bpm={tempo_bpm} cannot be written; use 4 to 1,000,000")
    if not 1 <= ticks_per_quarter <= 0x7FFF:
        raise ValueError(f"ticks_per_quarter={ticks_per_quarter} cannot be written; use 1 to {0x7FFF}")
    beats, unit = time_signature
    if not (1 <= beats <= 255 and unit in (1, 2, 4, 8, 16, 32, 64)):
        raise ValueError(f"time_signature={time_signature} cannot be written; use for example (4, 4)")
    head = mido.MidiTrack(
        [
            mido.MetaMessage("set_tempo", tempo=round(60e6 / tempo_bpm)),
            mido.MetaMessage("time_signature", numerator=beats, denominator=unit),
        ]
    )
    file = mido.MidiFile(type=1, ticks_per_beat=ticks_per_quarter)
    file.tracks += [head, _piano_track(performance, ticks_per_quarter)]
    with atomic_path(path) as temporary:
        file.save(temporary)


def _piano_track(performance: Performance, ticks_per_quarter: int) -> Any:
    onset = np.rint(performance.onset_quarters * ticks_per_quarter).astype(np.int64)
    offset = np.maximum(np.rint(performance.offset_quarters * ticks_per_quarter).astype(np.int64), onset + 1)
    number = len(performance)
    tick = np.concatenate((offset, onset))
    pitch = np.tile(performance.pitch, 2)
    velocity = np.concatenate((np.zeros(number, np.int64), performance.velocity))
    order = np.lexsort((pitch, velocity > 0, tick))  # at one tick, ends before starts
    delta = np.diff(tick[order], prepend=0)
    if delta.max(initial=0) > MAX_DELTA:
        raise ValueError(f"a pause of {delta.max()} ticks; a MIDI file can write {MAX_DELTA}")
    track = mido.MidiTrack([mido.MetaMessage("track_name", name="Piano")])
    events = zip(velocity[order].tolist(), pitch[order].tolist(), delta.tolist(), strict=True)
    for value, note, time in events:
        kind = "note_on" if value else "note_off"
        track.append(mido.Message(kind, note=note, velocity=value, time=time))
    return track
