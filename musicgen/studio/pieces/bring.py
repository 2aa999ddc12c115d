"""Music that a person brings: a MIDI file, or what a keyboard sent."""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from musicgen.music.midi import MidiError, read_midi
from musicgen.music.notes import HIGHEST_PITCH, LOWEST_PITCH, Performance
from musicgen.music.score_map import ScoreMap
from musicgen.studio.limits import Limits, RefusedError

_TICKS_PER_QUARTER = 480
_SUSTAIN = 64
_LONGEST_RECORDING_S = 3600.0


def from_file(data: bytes, *, limits: Limits) -> Performance:
    """Read a MIDI file as every other file is read.

    Raises:
        RefusedError: It cannot be read, or is larger than the studio takes.
    """
    if len(data) > limits.upload_bytes:
        raise RefusedError(
            f"the file is larger than {limits.upload_bytes >> 20} MiB, the most that is taken here"
        )
    try:
        performance = read_midi(data)
    except MidiError as error:
        raise RefusedError(f"the file cannot be read as music: {error.reason}") from error
    if len(performance) > limits.notes:
        raise RefusedError(
            f"the file has {len(performance):,} notes; at most {limits.notes:,} are taken here"
        )
    if performance.duration_quarters > limits.piece_quarters:
        raise RefusedError(
            f"the file is {performance.duration_quarters:,.0f} quarters long; at most "
            f"{limits.piece_quarters:,} are taken here: cut it first"
        )
    return performance


def from_recording(sent: Any, *, limits: Limits) -> Performance:
    """Make a performance of what a MIDI keyboard sent.

    Args:
        sent: `{"tempo_bpm": 96, "notes": [[pitch, onset_s, offset_s, velocity], …],
            "pedal": [[time_s, value], …]}`; times count from the first note on.
        limits: How many notes it may have.

    Raises:
        RefusedError: It is none, or too much.
    """
    if not isinstance(sent, dict) or not isinstance(sent.get("notes"), list):
        raise RefusedError("the recording has no list of notes")
    tempo_bpm = sent.get("tempo_bpm", 96.0)
    if not _numbers([tempo_bpm]) or not 20 <= tempo_bpm <= 300:
        raise RefusedError(f"tempo_bpm={tempo_bpm!r:.40}; use a number from 20 to 300")
    notes, pedal = sent["notes"], sent.get("pedal", [])
    if not notes:
        raise RefusedError("nothing was played; press some keys and record again")
    if len(notes) > limits.notes or not isinstance(pedal, list) or len(pedal) > limits.notes:
        raise RefusedError(f"the recording has more than {limits.notes:,} notes or pedal moves")
    if not all(_is_note(note) for note in notes):
        raise RefusedError("the recording has a note that is none; use [pitch, onset_s, offset_s, velocity]")
    if not all(_is_pedal(move) for move in pedal):
        raise RefusedError("the recording has a pedal move that is none; use [time_s, value]")
    return _performed(notes, pedal, tempo_bpm=float(tempo_bpm))


def _performed(notes: list[list[float]], pedal: list[list[float]], *, tempo_bpm: float) -> Performance:
    score = ScoreMap.constant(tempo_bpm=tempo_bpm, ticks_per_quarter=_TICKS_PER_QUARTER)
    per_second = tempo_bpm / 60 * _TICKS_PER_QUARTER
    if pedal:
        moves = sorted((round(at * per_second), int(value)) for at, value in pedal)
        score = replace(
            score,
            pedal_tick=np.array([tick for tick, _ in moves], np.int64),
            pedal=np.array([[_SUSTAIN, value] for _, value in moves], np.int64),
        )
    pitch, onset_s, offset_s, velocity = (np.array(column, np.float64) for column in zip(*notes, strict=True))
    begin = np.rint(onset_s * per_second)
    end = np.maximum(np.rint(offset_s * per_second), begin + 1)
    return Performance.from_arrays(
        pitch,
        onset_s=score.seconds(begin),
        offset_s=score.seconds(end),
        onset_quarters=begin / _TICKS_PER_QUARTER,
        offset_quarters=end / _TICKS_PER_QUARTER,
        velocity=velocity,
        score=score,
    )


def _is_note(note: Any) -> bool:
    if not (isinstance(note, list) and len(note) == 4 and _numbers(note)):
        return False
    pitch, onset_s, offset_s, velocity = note
    is_key = LOWEST_PITCH <= pitch <= HIGHEST_PITCH and 1 <= velocity <= 127
    whole = pitch == int(pitch) and velocity == int(velocity)
    return is_key and whole and 0 <= onset_s < offset_s <= _LONGEST_RECORDING_S


def _is_pedal(move: Any) -> bool:
    if not (isinstance(move, list) and len(move) == 2 and _numbers(move)):
        return False
    return 0 <= move[0] <= _LONGEST_RECORDING_S and 0 <= move[1] <= 127


def _numbers(values: list[Any]) -> bool:
    return all(
        isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        for value in values
    )
