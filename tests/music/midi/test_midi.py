"""Reading follows its rules; each defect of the original reader has a test that it would fail."""

import mido
import numpy as np
import pytest

from musicgen.music.midi import read_midi
from tests.music.conftest import rows

NOTE = b"\x00\x90\x3c\x40\x83\x60\x3c\x00"  # C4 for a quarter of 480 ticks


def on(pitch: int, time: int = 0, velocity: int = 64, channel: int = 0) -> mido.Message:
    return mido.Message("note_on", note=pitch, velocity=velocity, time=time, channel=channel)


def off(pitch: int, time: int = 0, channel: int = 0) -> mido.Message:
    return mido.Message("note_off", note=pitch, time=time, channel=channel)


def pedal(value: int, time: int = 0, channel: int = 0) -> mido.Message:
    return mido.Message("control_change", control=64, value=value, time=time, channel=channel)


def tempo(microseconds: int, time: int = 0) -> mido.MetaMessage:
    return mido.MetaMessage("set_tempo", tempo=microseconds, time=time)


# What the original got wrong


def test_time_passes_with_messages_that_are_not_notes(mido_bytes) -> None:
    data = mido_bytes([on(60), pedal(127, 480), pedal(0, 480), off(60, 480), on(62, 480), off(62, 480)])
    assert rows(read_midi(data)) == [(60, 0.0, 3.0), (62, 4.0, 5.0)]


@pytest.mark.parametrize("ticks_per_quarter", [1, 96, 384, 480, 32767])
def test_the_file_says_how_many_ticks_a_quarter_has(mido_bytes, ticks_per_quarter: int) -> None:
    data = mido_bytes([on(60), off(60, ticks_per_quarter)], ticks_per_quarter=ticks_per_quarter)
    performance = read_midi(data)
    assert rows(performance) == [(60, 0.0, 1.0)]
    assert performance.offset_s.tolist() == [0.5]


def test_tempo_changes_of_any_track_count_for_all(mido_bytes) -> None:
    data = mido_bytes(
        [tempo(1_000_000), tempo(250_000, 480)], [on(60), off(60, 960)], [tempo(2_000_000, 720)]
    )
    performance = read_midi(data)
    assert performance.duration_s == pytest.approx(1.0 + 0.125 + 1.0)
    assert performance.duration_quarters == 2.0


def test_a_repeated_note_on_makes_two_notes(mido_bytes) -> None:
    data = mido_bytes([on(60), on(60, 240), off(60, 240), off(60, 240)])
    performance = read_midi(data)
    assert rows(performance) == [(60, 0.0, 1.0), (60, 0.5, 1.5)]  # first in, first out


def test_an_orphan_note_off_is_dropped_and_counted(mido_bytes) -> None:
    performance = read_midi(mido_bytes([off(60), on(60, 480), off(60, 480), off(61)]))
    assert rows(performance) == [(60, 1.0, 2.0)]
    assert performance.counts.unmatched_note_offs == 2


def test_an_orphan_note_off_does_not_shift_the_pairs_behind_it(mido_bytes) -> None:
    track = [off(60, 10)] + [message for _ in range(50) for message in (on(60, 470), off(60, 10))]
    performance = read_midi(mido_bytes(track))
    assert len(performance) == 50
    np.testing.assert_allclose(performance.offset_quarters - performance.onset_quarters, 10 / 480)


def test_pitches_off_the_keyboard_are_dropped_and_counted(mido_bytes) -> None:
    track = [message for pitch in (0, 20, 21, 108, 109, 127) for message in (on(pitch), off(pitch, 480))]
    performance = read_midi(mido_bytes(track))
    assert performance.pitch.tolist() == [21, 108]
    assert performance.counts.out_of_range_notes == 4


# The other rules


def test_an_open_note_ends_with_its_own_track_and_is_counted(mido_bytes) -> None:
    end = mido.MetaMessage("end_of_track", time=480)
    performance = read_midi(mido_bytes([on(60), on(62, 480), end], [on(64), off(64, 4800)]))
    assert rows(performance) == [(60, 0.0, 2.0), (64, 0.0, 10.0), (62, 1.0, 2.0)]
    assert performance.counts.unclosed_notes == 2


def test_notes_of_no_length_and_drums_are_left_out_and_counted(mido_bytes) -> None:
    drums = [on(40, channel=9), off(40, 480, channel=9), on(41, velocity=0, channel=9)]
    performance = read_midi(mido_bytes([on(60), off(60), on(61), off(61, 480)], drums))
    assert performance.pitch.tolist() == [61]
    assert performance.counts.zero_length_notes == 1
    assert performance.counts.drum_notes == 1
    assert performance.counts.unmatched_note_offs == 0


def test_velocity_zero_ends_a_note(mido_bytes) -> None:
    assert rows(read_midi(mido_bytes([on(60, velocity=99), on(60, 480, velocity=0)]))) == [(60, 0.0, 1.0)]


def test_channels_and_tracks_pair_apart_and_are_merged_in_order(mido_bytes) -> None:
    one = [on(60), on(60, 120, channel=1), off(60, 120, channel=1), off(60, 240)]
    performance = read_midi(mido_bytes(one, [on(60, 60), off(60, 60), on(30, 360), off(30, 10)]))
    assert rows(performance)[:3] == [(60, 0.0, 1.0), (60, 0.125, 0.25), (60, 0.25, 0.5)]
    assert performance.pitch.tolist() == [60, 60, 60, 30]


def test_more_tracks_than_two_bytes_can_number_pair_apart(midi_bytes) -> None:
    assert len(read_midi(midi_bytes(*[NOTE] * 5000))) == 5000


# The sustain pedal


def test_the_pedal_holds_notes_until_its_release(mido_bytes) -> None:
    track = [pedal(64), on(60), off(60, 480), on(62), off(62, 480), pedal(63, 480), on(64), off(64, 480)]
    assert rows(read_midi(mido_bytes(track), sustain=True)) == [
        (60, 0.0, 3.0),
        (62, 1.0, 3.0),
        (64, 3.0, 4.0),
    ]
    assert rows(read_midi(mido_bytes(track))) == [(60, 0.0, 1.0), (62, 1.0, 2.0), (64, 3.0, 4.0)]


def test_the_pedal_holds_a_note_no_longer_than_to_the_next_of_its_pitch(mido_bytes) -> None:
    track = [pedal(127), on(60), off(60, 240), on(60, 240), off(60, 240), pedal(0, 1440)]
    assert rows(read_midi(mido_bytes(track), sustain=True)) == [(60, 0.0, 1.0), (60, 1.0, 4.5)]


def test_the_pedal_never_shortens_a_note(mido_bytes) -> None:
    track = [pedal(127), on(60), on(60, 240), off(60, 240), pedal(0, 10), off(60, 480)]
    assert rows(read_midi(mido_bytes(track), sustain=True)) == rows(read_midi(mido_bytes(track)))


def test_the_pedal_belongs_to_its_channel_in_all_tracks(mido_bytes) -> None:
    notes = [on(60), on(60, channel=1), off(60, 480), off(60, channel=1)]
    data = mido_bytes(notes, [pedal(127, 240), pedal(0, 720)])
    assert rows(read_midi(data, sustain=True)) == [(60, 0.0, 2.0), (60, 0.0, 1.0)]
