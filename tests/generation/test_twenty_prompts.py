"""Twenty odd files as prompts: what is kept is equal, what is not is said."""

import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mido
import numpy as np
import pytest
import torch

from musicgen.generation.generate import GeneratedPiece
from musicgen.generation.prompts import continue_prompt, read_prompt
from musicgen.music.beat_grid import BeatsGrid
from musicgen.music.grid import ClockGrid, Grid, from_packed
from musicgen.music.midi import MidiError, read_midi, write_midi

Message = mido.Message | mido.MetaMessage
Timed = list[tuple[int, Message]]  # ticks from the beginning
NAMES = ("pitch", "onset_s", "offset_s", "velocity")


def meta(kind: str, **values: Any) -> mido.MetaMessage:
    return mido.MetaMessage(kind, **values)


def tempo(bpm: float) -> mido.MetaMessage:
    return meta("set_tempo", tempo=round(60e6 / bpm))


def metre(beats: int, unit: int) -> mido.MetaMessage:
    return meta("time_signature", numerator=beats, denominator=unit)


def tune(ppq: int, *, begin: int = 0, count: int = 24, channel: int = 0, loud: int = 0) -> Timed:
    """Write eighths that swell, with a bass on each fourth of them."""
    half, events = ppq // 2, []
    for number in range(count):
        pitches = [60 + number * 5 % 13, *([40] if number % 4 == 0 else [])]
        for pitch in pitches:
            on = begin + number * half
            velocity = loud or 20 + 4 * number
            events += [(on, mido.Message("note_on", note=pitch, velocity=velocity, channel=channel))]
            events += [(on + half - 3, mido.Message("note_off", note=pitch, channel=channel))]
    return events


def pedal(ppq: int, controller: int = 64) -> Timed:
    moves = [(number * ppq, (127, 40, 0)[number % 3]) for number in range(12)]
    return [(tick, mido.Message("control_change", control=controller, value=value)) for tick, value in moves]


def file_bytes(ppq: int, *tracks: Timed) -> bytes:
    file = mido.MidiFile(type=0 if len(tracks) == 1 else 1, ticks_per_beat=ppq)
    for events in tracks:
        track, before = mido.MidiTrack(), 0
        for tick, message in sorted(events, key=lambda event: event[0]):
            track.append(message.copy(time=tick - before))
            before = tick
        file.tracks.append(track)
    buffer = io.BytesIO()
    file.save(file=buffer)
    return buffer.getvalue()


def running_status(ppq: int) -> bytes:
    """Write a track by hand: one status for many notes, ended by velocity 0."""
    body = b"\x00\xff\x51\x03\x0c\xb7\x35\x00\x90\x3c\x40" + b"".join(
        bytes([ppq // 2, pitch, 0, 0, pitch + 1, 50 + pitch - 60]) for pitch in range(60, 76)
    )
    body += bytes([ppq // 2, 76, 0]) + b"\x00\xff\x2f\x00"
    return b"MThd" + struct.pack(">IHHH", 6, 0, 1, ppq) + b"MTrk" + struct.pack(">I", len(body)) + body


PROMPTS: dict[str, tuple[Callable[[], bytes], str]] = {
    "largo": (lambda: file_bytes(480, [(0, tempo(33.3)), *tune(480)]), ""),
    "waltz at 54": (lambda: file_bytes(96, [(0, tempo(54)), (0, metre(3, 4)), *tune(96)]), ""),
    "presto at 217": (lambda: file_bytes(220, [(0, tempo(217)), *tune(220)]), ""),
    "6/8": (lambda: file_bytes(960, [(0, metre(6, 8)), (0, tempo(71.5)), *tune(960)]), ""),
    "5/4": (lambda: file_bytes(480, [(0, metre(5, 4)), *tune(480)]), ""),
    "7/8": (lambda: file_bytes(480, [(0, metre(7, 8)), (0, tempo(133)), *tune(480)]), ""),
    "2/2": (lambda: file_bytes(480, [(0, metre(2, 2)), (0, tempo(176)), *tune(480)]), ""),
    "a pickup": (lambda: file_bytes(480, [(0, metre(1, 4)), (480, metre(3, 4)), *tune(480)]), ""),
    "metres that change": (
        lambda: file_bytes(480, [(0, metre(3, 4)), (1440, metre(5, 8)), (2640, metre(4, 4)), *tune(480)]),
        "",
    ),
    "a ritardando": (
        lambda: file_bytes(480, [*((480 * n, tempo(120 - 7.3 * n)) for n in range(12)), *tune(480)]),
        "",
    ),
    "tempo in another track": (
        lambda: file_bytes(480, [(0, tempo(66)), (1000, tempo(99))], tune(480)),
        "",
    ),
    "pedals": (lambda: file_bytes(480, [*tune(480), *pedal(480), *pedal(480, 67)]), ""),
    "a key": (lambda: file_bytes(480, [(0, meta("key_signature", key="F#m")), *tune(480)]), ""),
    "fortissimo and one resolution more": (lambda: file_bytes(32767, tune(32767, count=8, loud=127)), ""),
    "two hands in two tracks": (
        lambda: file_bytes(480, [(0, tempo(80))], tune(480), tune(480, begin=240, channel=1, loud=33)),
        "2 tracks, which become one",
    ),
    "drums": (
        lambda: file_bytes(480, [*tune(480), *tune(480, channel=9, count=4)]),
        "5 drum notes",
    ),
    "what no piano has": (
        lambda: file_bytes(
            480,
            [
                (0, mido.Message("program_change", program=40)),
                (0, mido.Message("control_change", control=7, value=90)),
                (0, meta("lyrics", text="la")),
                (9, mido.Message("pitchwheel", pitch=99)),
                (9, mido.Message("note_on", note=110, velocity=9)),
                (99, mido.Message("note_off", note=110)),
                *tune(480),
            ],
        ),
        "1 program changes, 1 pitch bends, 1 other controllers, 1 texts, 1 out of range notes",
    ),
    "running status": (lambda: running_status(96), ""),
}


def continued(path: Path, grid: Grid, to: Path) -> tuple[str, float]:
    """Continue a file by a note, write it, and return what was said and where the seam is."""
    prompt = read_prompt(path, grid=grid)
    packed = np.concatenate([prompt.packed, np.zeros((4, 88), np.uint32)])
    packed[-4, 50] = 0x0000FFFF
    codes = torch.zeros(len(packed), 16, dtype=torch.int64)
    piece = GeneratedPiece(codes, packed, from_packed(packed), len(prompt.packed))
    write_midi(continue_prompt(piece, prompt).performance, to)
    return prompt.description(), prompt.seam_quarters


@pytest.mark.parametrize("name", PROMPTS)
def test_what_is_kept_is_equal_and_what_is_not_is_said(name: str, tmp_path: Path) -> None:
    make, lost = PROMPTS[name]
    (tmp_path / "a.mid").write_bytes(make())
    said, seam = continued(tmp_path / "a.mid", ClockGrid(), tmp_path / "b.mid")
    source, read = read_midi(tmp_path / "a.mid"), read_midi(tmp_path / "b.mid")
    assert said.partition("; not kept: ")[2] == lost
    kept = read.onset_quarters < seam
    assert kept.sum() == len(source)
    for column in NAMES:
        np.testing.assert_allclose(getattr(read, column)[kept], getattr(source, column), atol=1e-6)
    before, after = source.score, read.score
    assert before is not None
    assert after is not None
    finer, rest = divmod(after.ticks_per_quarter, before.ticks_per_quarter)  # the grid's ticks fit into it
    assert rest == 0
    for place in np.arange(0, seam, 0.25).tolist():
        assert after.tempo_bpm_at(place) == before.tempo_bpm_at(place)
        assert after.time_signature_at(place) == before.time_signature_at(place)
    np.testing.assert_array_equal(after.key, before.key)
    np.testing.assert_array_equal(after.pedal, before.pedal)
    np.testing.assert_array_equal(after.pedal_tick, finer * before.pedal_tick)


def test_a_file_counted_in_frames_is_refused_with_the_reason(tmp_path: Path) -> None:
    data = bytearray(file_bytes(480, tune(480)))
    data[12:14] = b"\xe7\x28"  # 25 frames a second, 40 ticks a frame
    (tmp_path / "a.mid").write_bytes(bytes(data))
    with pytest.raises(MidiError, match="SMPTE division; ticks per quarter are needed"):
        read_prompt(tmp_path / "a.mid", grid=ClockGrid())


def test_on_tracked_beats_seconds_and_velocities_are_kept_and_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.mid").write_bytes(file_bytes(480, [(0, tempo(97)), *tune(480, count=64, loud=70)]))
    said, _ = continued(tmp_path / "a.mid", BeatsGrid(lowest_confidence=0.0), tmp_path / "b.mid")
    source, read = read_midi(tmp_path / "a.mid"), read_midi(tmp_path / "b.mid")
    assert "seconds (quarters are tracked beats)" in said
    count = len(source)
    np.testing.assert_allclose(read.onset_s[:count], source.onset_s, atol=2e-3)
    np.testing.assert_array_equal(read.velocity[:count], source.velocity)
