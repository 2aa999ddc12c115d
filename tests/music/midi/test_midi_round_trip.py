"""What a file says of notes, time, metre, key and pedals is there again after writing and reading."""

import dataclasses
from pathlib import Path

import mido
import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from musicgen.music.midi import read_midi, write_midi
from musicgen.music.notes import Performance
from musicgen.music.score_map import ScoreMap

ticks = st.integers(0, 2000)
values = st.integers(0, 127)
notes = st.tuples(ticks, st.integers(1, 900), st.integers(60, 62), st.integers(1, 127))
tempos = st.tuples(ticks, st.integers(1, 0xFFFFFF))
signatures = st.tuples(ticks, st.integers(1, 255), st.sampled_from([1, 2, 4, 8, 16, 32, 64]))
keys = st.tuples(ticks, st.sampled_from(["Cb", "C", "F#", "Am", "Abm", "A#m", "Bb"]))
pedals = st.tuples(ticks, st.sampled_from([64, 66, 67]), values)


def file_of(path: Path, messages: list[tuple[int, object]], *, ticks_per_quarter: int = 480) -> Path:
    file = mido.MidiFile(type=0, ticks_per_beat=ticks_per_quarter)
    track, before = mido.MidiTrack(), 0
    file.tracks.append(track)
    for tick, message in sorted(messages, key=lambda timed: timed[0]):
        track.append(message.copy(time=tick - before))
        before = tick
    file.save(path)
    return path


def rows(performance: Performance) -> list[tuple]:
    names = [field.name for field in dataclasses.fields(performance)][:6]
    return sorted(zip(*(getattr(performance, name).tolist() for name in names), strict=True))


def assert_same(read: Performance, again: Performance) -> None:
    assert rows(read) == rows(again)
    ours, theirs = read.score, again.score
    assert ours is not None
    assert theirs is not None
    for field in dataclasses.fields(ScoreMap):
        if field.name != "not_kept":
            left, right = getattr(ours, field.name), getattr(theirs, field.name)
            assert np.array_equal(left, right), field.name


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    notes=st.lists(notes, min_size=1, max_size=12),
    tempos=st.lists(tempos, max_size=5),
    signatures=st.lists(signatures, max_size=3),
    keys=st.lists(keys, max_size=3),
    pedals=st.lists(pedals, max_size=8),
    ticks_per_quarter=st.sampled_from([1, 96, 100, 384, 480, 32767]),
)
def test_what_is_read_and_written_is_read_again(
    tmp_path: Path, notes, tempos, signatures, keys, pedals, ticks_per_quarter: int
) -> None:
    messages: list[tuple[int, object]] = []
    for onset, length, pitch, velocity in notes:
        messages += [(onset, mido.Message("note_on", note=pitch, velocity=velocity))]
        messages += [(onset + length, mido.Message("note_off", note=pitch))]
    messages += [(tick, mido.MetaMessage("set_tempo", tempo=tempo)) for tick, tempo in tempos]
    messages += [
        (tick, mido.MetaMessage("time_signature", numerator=beats, denominator=unit))
        for tick, beats, unit in signatures
    ]
    messages += [(tick, mido.MetaMessage("key_signature", key=key)) for tick, key in keys]
    messages += [
        (tick, mido.Message("control_change", control=number, value=value)) for tick, number, value in pedals
    ]
    slowest_us = max([500_000, *(tempo for _, tempo in tempos)])  # longer than 12 hours is refused
    assume(max(tick for tick, _ in messages) / ticks_per_quarter * slowest_us < 12 * 3600e6)
    read = read_midi(file_of(tmp_path / "a.mid", messages, ticks_per_quarter=ticks_per_quarter))
    write_midi(read, tmp_path / "b.mid")
    assert_same(read, read_midi(tmp_path / "b.mid"))


def test_notes_inside_others_of_their_pitch_come_back(tmp_path: Path) -> None:
    onset, offset = np.array([0.0, 1, 2, 2, 9]), np.array([8.0, 2, 9, 3, 10])
    piece = Performance.from_arrays(
        np.full(5, 60),
        onset_s=onset / 2,
        offset_s=offset / 2,
        onset_quarters=onset,
        offset_quarters=offset,
        velocity=np.array([10, 20, 30, 40, 50]),
    )
    write_midi(piece, tmp_path / "a.mid")
    assert rows(read_midi(tmp_path / "a.mid")) == rows(piece)
    assert [track.name for track in mido.MidiFile(tmp_path / "a.mid").tracks[1:]] == ["Piano", "Piano 2"]


def test_real_files_come_back(some_real_files: list[Path], tmp_path: Path) -> None:
    for path in some_real_files[:4]:
        read = read_midi(path)
        write_midi(read, tmp_path / "b.mid")
        assert_same(read, read_midi(tmp_path / "b.mid"))
        assert len(read.score.pedal_tick) > 0


def test_texts_names_and_markers_of_any_script_are_written(tmp_path: Path) -> None:
    score = ScoreMap.constant(tempo_bpm=60.0).with_marker("Fortsetzung 続き", quarter=1.0)
    piece = Performance.from_arrays(
        np.array([60]),
        onset_s=np.array([0.0]),
        offset_s=np.array([1.0]),
        onset_quarters=np.array([0.0]),
        offset_quarters=np.array([1.0]),
        score=score,
    )
    path = tmp_path / "a.mid"
    write_midi(piece, path, track_name="Клавир", texts=["seed=1", "Étude"])
    [marker] = read_midi(path).score.markers
    assert (marker.tick, marker.text) == (480, "Fortsetzung 続き")
    file = mido.MidiFile(path, charset="utf-8")
    assert [message.text for message in file.tracks[0] if message.type == "text"] == ["seed=1", "Étude"]
    assert file.tracks[1].name == "Клавир"


def test_what_a_score_map_does_not_hold_is_counted(mido_bytes) -> None:
    track = [
        mido.Message("program_change", program=5),
        mido.Message("control_change", control=7, value=100),
        mido.Message("pitchwheel", pitch=10),
        mido.MetaMessage("lyrics", text="la"),
        mido.Message("sysex", data=[1]),
        mido.MetaMessage("track_name", name="Right hand"),
        mido.MetaMessage("sequencer_specific", data=[1, 2]),
        mido.Message("note_on", note=60),
        mido.Message("note_off", note=60, velocity=99, time=480),
        mido.Message("note_on", note=62),
        mido.Message("note_off", note=62, velocity=64, time=480),
    ]
    assert dict(read_midi(mido_bytes(track)).score.not_kept) == {
        "program changes": 1,
        "pitch bends": 1,
        "other controllers": 1,
        "texts": 1,
        "system exclusive messages": 1,
        "track names": 1,
        "release velocities": 1,
        "sequencer-specific data": 1,
    }


@pytest.mark.parametrize(
    ("meta", "counts"),
    [
        (b"\x00\xff\x59\x02\xee\x01", 1),  # 18 flats
        (b"\x00\xff\x59\x02\x00\xff", 1),
        (b"\x00\xff\x59\x01\x00", 1),
        (b"\x00\xff\x58\x04\x00\x02\x18\x08", 1),  # no beats
        (b"\x00\xff\x58\x04\x04\x20\x18\x08", 1),
        (b"\x00\xff\x58\x02\x03\x02", 0),
    ],
)
def test_signatures_that_are_none_are_dropped_and_counted(midi_bytes, meta: bytes, counts: int) -> None:
    performance = read_midi(midi_bytes(meta + b"\x00\x90\x3c\x40\x83\x60\x3c\x00"))
    assert performance.counts.bad_signatures == counts
    assert len(performance.score.key_tick) == 0
    assert performance.score.time_signature.tolist() == ([] if counts else [[3, 4]])


def test_pedals_of_several_channels_are_down_while_one_is(mido_bytes) -> None:
    def pedal(value: int, time: int, channel: int) -> mido.Message:
        return mido.Message("control_change", control=64, value=value, time=time, channel=channel)

    track = [mido.Message("note_on", note=60), mido.Message("note_off", note=60, time=480)]
    data = mido_bytes(track, [pedal(127, 10, 0), pedal(80, 10, 1), pedal(0, 10, 0), pedal(0, 10, 1)])
    score = read_midi(data).score
    assert score.pedal_tick.tolist() == [10, 20, 30, 40]
    assert score.pedal[:, 1].tolist() == [127, 127, 80, 0]
