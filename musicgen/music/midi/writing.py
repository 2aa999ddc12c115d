"""Write notes into MIDI files."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import mido
import numpy as np
from jaxtyping import Int64

from musicgen.files.atomic import write_atomically
from musicgen.music.midi.meta import TRACK_NAME
from musicgen.music.notes import Performance
from musicgen.music.score_map import ScoreMap

MAX_DELTA = (1 << 28) - 1  # the longest pause that a MIDI file can write, in ticks
_MAJOR = ["Cb", "Gb", "Db", "Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#"]
_MINOR = ["Abm", "Ebm", "Bbm", "Fm", "Cm", "Gm", "Dm", "Am", "Em", "Bm", "F#m", "C#m", "G#m", "D#m", "A#m"]
_Timed = list[tuple[int, Any]]


def write_midi(
    performance: Performance,
    path: str | Path,
    *,
    tempo_bpm: float | None = None,
    ticks_per_quarter: int | None = None,
    time_signature: tuple[int, int] | None = None,
    track_name: str = TRACK_NAME,
    texts: Sequence[str] = (),
) -> None:
    """Write notes as a MIDI file of type 1, whole or not at all.

    Times are taken in quarters; every note is closed and lasts at least a tick. Tempo, metre, key, pedals,
    markers and resolution are those of `performance.score`, where it has one. Notes that no reader could
    pair in one track (one inside another of the same pitch) go to further tracks. The same notes give the
    same bytes.

    Args:
        performance: the notes; none is allowed.
        path: the file to write; its folder must be there.
        tempo_bpm: one tempo for all, quarter notes a minute, 4 to 1,000,000; None takes the score's, or 120.
        ticks_per_quarter: resolution, 1 to 32,767; None takes the score's, or 480.
        time_signature: one for all: beats a bar, and the note that is a beat (a power of two up to 64); None
            takes the score's, or 4/4.
        track_name: name of the tracks with notes.
        texts: text events at the beginning of the file.

    Raises:
        ValueError: when a setting is not allowed or a pause is longer than a file can write.
    """
    score = _score(performance.score, tempo_bpm, ticks_per_quarter, time_signature)
    data = midi_bytes(replace(performance, score=score), track_name=track_name, texts=texts)
    write_atomically(Path(path), data)


def midi_bytes(performance: Performance, *, track_name: str = TRACK_NAME, texts: Sequence[str] = ()) -> bytes:
    """Return the content of the file that `write_midi` writes.

    Raises:
        ValueError: when a pause is longer than a file can write.
    """
    score = performance.score or ScoreMap.constant()
    file = mido.MidiFile(type=1, ticks_per_beat=score.ticks_per_quarter, charset="utf-8")
    head = [(0, mido.MetaMessage("text", text=text)) for text in texts]
    file.tracks.append(_track(head + list(_signs(score))))
    for number, events in enumerate(_layers(performance, score)):
        name = mido.MetaMessage("track_name", name=f"{track_name} {number + 1}" if number else track_name)
        file.tracks.append(_track([(0, name), *events]))
    buffer = io.BytesIO()
    file.save(file=buffer)
    return buffer.getvalue()


def _score(
    score: ScoreMap | None,
    tempo_bpm: float | None,
    ticks_per_quarter: int | None,
    time_signature: tuple[int, int] | None,
) -> ScoreMap:
    """Return what is written beside the notes, after a check of what was asked for."""
    if tempo_bpm is not None and not 4 <= tempo_bpm <= 1e6:
        raise ValueError(f"tempo_bpm={tempo_bpm} cannot be written; use 4 to 1,000,000")
    if ticks_per_quarter is not None and not 1 <= ticks_per_quarter <= 0x7FFF:
        raise ValueError(f"ticks_per_quarter={ticks_per_quarter} cannot be written; use 1 to {0x7FFF}")
    if time_signature is not None:
        beats, unit = time_signature
        if not (1 <= beats <= 255 and unit in (1, 2, 4, 8, 16, 32, 64)):
            raise ValueError(f"time_signature={time_signature} cannot be written; use for example (4, 4)")
    if score is None:
        score = ScoreMap.constant()
    if ticks_per_quarter is not None:
        score = score.rescaled(ticks_per_quarter)
    if tempo_bpm is not None:
        score = score.with_tempo(tempo_bpm)
    if time_signature is not None:
        first = np.zeros(1, np.int64)
        score = replace(score, time_signature_tick=first, time_signature=np.array([time_signature]))
    return score


def _signs(score: ScoreMap) -> Iterator[tuple[int, Any]]:
    """Yield tempo, metre, key and markers with their ticks."""
    for tick, tempo in zip(score.tempo_tick.tolist(), score.tempo_us.tolist(), strict=True):
        yield tick, mido.MetaMessage("set_tempo", tempo=tempo)
    signatures = zip(score.time_signature_tick.tolist(), score.time_signature.tolist(), strict=True)
    for tick, (beats, unit) in signatures:
        yield tick, mido.MetaMessage("time_signature", numerator=beats, denominator=unit)
    for tick, (sharps, minor) in zip(score.key_tick.tolist(), score.key.tolist(), strict=True):
        name = (_MINOR if minor else _MAJOR)[sharps + 7]
        yield tick, mido.MetaMessage("key_signature", key=name)
    for marker in score.markers:
        yield marker.tick, mido.MetaMessage("marker", text=marker.text)


def _layers(performance: Performance, score: ScoreMap) -> Iterator[_Timed]:
    """Yield the messages of each track: pedals and all notes that one track can hold in the first."""
    ticks_per_quarter = score.ticks_per_quarter
    onset = np.rint(performance.onset_quarters * ticks_per_quarter).astype(np.int64)
    offset = np.maximum(np.rint(performance.offset_quarters * ticks_per_quarter).astype(np.int64), onset + 1)
    layer = _layer_of_notes(performance.pitch.astype(np.int64), onset, offset)
    for number in range(int(layer.max(initial=0)) + 1):
        mine = np.flatnonzero(layer == number)
        mine = mine[np.lexsort((offset[mine], performance.pitch[mine], onset[mine]))]
        notes = (performance.pitch[mine], onset[mine], offset[mine], performance.velocity[mine])
        yield list(_messages(*notes, score=None if number else score))


def _layer_of_notes(
    pitch: Int64[np.ndarray, " notes"],
    onset: Int64[np.ndarray, " notes"],
    offset: Int64[np.ndarray, " notes"],
) -> Int64[np.ndarray, " notes"]:
    """Number the track of each note, so that notes of one pitch in one track end as they began."""
    layer = np.zeros(len(pitch), np.int64)
    order = np.lexsort((offset, onset, pitch))
    inside = (np.diff(pitch[order]) == 0) & (np.diff(offset[order]) < 0)
    for one in np.unique(pitch[order][1:][inside]).tolist():
        ends: list[int] = []
        for note in order[pitch[order] == one].tolist():
            end = int(offset[note])
            place = next((number for number, last in enumerate(ends) if last <= end), len(ends))
            ends[place : place + 1] = [end]
            layer[note] = place
    return layer


def _messages(
    pitch: np.ndarray, onset: np.ndarray, offset: np.ndarray, velocity: np.ndarray, *, score: ScoreMap | None
) -> Iterator[tuple[int, Any]]:
    """Yield pedals and notes by time; at one tick pedals come first, and ends before starts."""
    pedal_tick = np.zeros(0, np.int64) if score is None else score.pedal_tick
    pedal = np.zeros((0, 2), np.int64) if score is None else score.pedal
    tick = np.concatenate((pedal_tick, offset, onset))
    kind = np.repeat([0, 1, 2], [len(pedal_tick), len(offset), len(onset)])
    first = np.concatenate((pedal[:, 0], pitch, pitch))
    second = np.concatenate((pedal[:, 1], np.zeros(len(pitch), np.int64), velocity))
    order = np.lexsort((np.where(kind == 0, 0, first), kind, tick))
    rows = (array[order].tolist() for array in (tick, kind, first, second))
    for at, what, one, two in zip(*rows, strict=True):
        if what == 0:
            yield at, mido.Message("control_change", control=one, value=two)
        else:
            yield at, mido.Message("note_on" if what == 2 else "note_off", note=one, velocity=two)


def _track(events: _Timed) -> Any:
    """Build a track of messages, sorted by their ticks."""
    track, before = mido.MidiTrack(), 0
    for tick, message in sorted(events, key=lambda event: event[0]):
        if tick - before > MAX_DELTA:
            raise ValueError(f"a pause of {tick - before} ticks; a MIDI file can write {MAX_DELTA}")
        message.time = tick - before
        track.append(message)
        before = tick
    return track
