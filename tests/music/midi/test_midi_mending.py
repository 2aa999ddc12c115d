"""What is wrong in a file and can mean only one thing is read, and counted by its kind."""

from dataclasses import asdict

import pytest

from musicgen.music.midi import MidiError, SilentMidiError, read_midi
from musicgen.music.notes import Performance
from tests.music.conftest import rows

NOTE = b"\x00\x90\x3c\x40\x83\x60\x3c\x00"  # C4 for a quarter of 480 ticks
END = b"\x00\xff\x2f\x00"
SECOND = b"\x00\x90\x40\x40\x83\x60\x40\x00"
QUARTER = [(60, 0.0, 1.0)]


def counted(performance: Performance) -> dict[str, int]:
    return {name: count for name, count in asdict(performance.counts).items() if count}


@pytest.mark.parametrize(
    ("track", "counts"),
    [
        (b"\x00\xb0\x07\xff" + NOTE, {"bad_messages": 1}),
        (b"\x00\xb0\x87\x40\x00\xc0\xff\x00\xe0\x00\x80" + NOTE, {"bad_messages": 3}),
        (b"\x00\x90\xbc\x40" + NOTE, {"bad_messages": 1}),
        (b"\x00\xb0\x40\xff" + NOTE, {"bad_messages": 1}),
        (b"\x00\x90\x3c\xff\x83\x60\x3c\x00", {"loud_velocities": 1}),
        (b"\x00\x90\x3c\x40\x83\x60\x80\x3c\xff", {"loud_velocities": 1}),
        (b"\x00\xfe" + NOTE + b"\x00\xf8", {"system_messages": 2}),
        (b"\x00\xf2\x01\x02\x00\xf3\x01\x00\xf1\x01\x00\xf6" + NOTE, {"system_messages": 4}),
        (NOTE[:4] + b"\x83\x50\xfa\x10\x3c\x00", {"system_messages": 1}),  # its delta time counts
        (b"\x00\xff\x51\x03\x00\x00\x00" + NOTE, {"bad_tempos": 1}),
        (b"\x00\xff\x51\x02\x07\xa1" + NOTE, {"bad_tempos": 1}),
        (b"\x00\xff\x51\x00" + NOTE, {"bad_tempos": 1}),
        (b"\x00\xf0\x05\x7e\x7f\x89\x01\x02" + NOTE, {}),  # system exclusive without its end
        (b"\x00\xff\x60\x02ab" + NOTE, {}),  # a meta event that nobody knows
    ],
)
def test_what_a_track_holds_wrong_is_left_out_and_counted(midi_bytes, track: bytes, counts: dict) -> None:
    performance = read_midi(midi_bytes(track + END))
    assert rows(performance) == QUARTER
    assert counted(performance) == counts


def test_a_velocity_over_127_is_127(midi_bytes) -> None:
    performance = read_midi(midi_bytes(b"\x00\x90\x3c\x80\x83\x60\x3c\x00" + NOTE))
    assert performance.velocity.tolist() == [127, 64]


@pytest.mark.parametrize(
    ("tempo", "seconds"),
    [
        (b"\x04\x00\x0f\x42\x40", 1.0),  # a number of four bytes
        (b"\x04\x0f\x42\x40\x00", 1.0),  # three bytes and one to ignore
        (b"\x83\x00\x0f\x42\x40" + bytes(381), 1.0),  # 384 bytes long
        (b"\x02\x0f\x42", 0.5),
    ],
)
def test_a_tempo_of_another_length_is_read_where_it_can_be(midi_bytes, tempo: bytes, seconds: float) -> None:
    performance = read_midi(midi_bytes(b"\x00\xff\x51" + tempo + NOTE))
    assert performance.duration_s == pytest.approx(seconds)


@pytest.mark.parametrize("number", [1, 3, 65535])
def test_the_tracks_that_are_there_are_read_whatever_the_header_counts(midi_bytes, number: int) -> None:
    performance = read_midi(midi_bytes(NOTE + END, SECOND + END, number=number))
    assert rows(performance) == [(60, 0.0, 1.0), (64, 0.0, 1.0)]
    difference = {"missing_tracks": number - 2} if number > 2 else {"uncounted_tracks": 2 - number}
    assert counted(performance) == difference


def test_what_follows_the_counted_tracks_and_is_no_track_is_ignored(midi_bytes) -> None:
    whole = midi_bytes(NOTE + END)
    for tail in (b"\x00", bytes(512), b"XFIH\xff\xff\xff\xff", b"any text at all"):
        assert counted(read_midi(whole + tail)) == {}


def test_type_2_with_one_track_is_that_track(midi_bytes) -> None:
    assert rows(read_midi(midi_bytes(NOTE, kind=2))) == QUARTER
    with pytest.raises(MidiError, match="type 2 with 2 tracks"):
        read_midi(midi_bytes(NOTE, SECOND, kind=2, number=1))


@pytest.mark.parametrize("wrong", [0, 1, 4, 8, 9, 11, 13, 100])
@pytest.mark.parametrize("is_last", [True, False])
def test_a_track_of_a_wrong_length_ends_with_its_last_event(midi_bytes, wrong: int, is_last: bool) -> None:
    content = NOTE + END
    data = midi_bytes(content) if is_last else midi_bytes(content, SECOND + END)
    data = data[:18] + wrong.to_bytes(4, "big") + data[22:]
    performance = read_midi(data)
    assert rows(performance) == QUARTER + ([] if is_last else [(64, 0.0, 1.0)])
    assert counted(performance).keys() <= {"mended_track_lengths"}


@pytest.mark.parametrize("missing", [0, 1, 2, 3, 4])
def test_a_file_that_lacks_its_last_event_alone_is_read(midi_bytes, missing: int) -> None:
    data = midi_bytes(NOTE + END)
    performance = read_midi(data[: len(data) - missing])
    assert rows(performance) == QUARTER
    assert counted(performance) == ({"mended_track_lengths": 1} if missing else {})


@pytest.mark.parametrize("missing", [5, 6, 9])
def test_a_file_that_lacks_music_is_refused(midi_bytes, missing: int) -> None:
    with pytest.raises(MidiError, match="truncated"):
        read_midi(midi_bytes(NOTE + SECOND + END)[:-missing])


def test_a_late_end_of_track_makes_no_piece_long(midi_bytes) -> None:
    performance = read_midi(midi_bytes(NOTE + b"\xff\xff\xff\x7f\xff\x2f\x00"))
    assert rows(performance) == QUARTER
    with pytest.raises(MidiError, match="hours"):  # but a note that is never closed lasts to the end
        read_midi(midi_bytes(SECOND + NOTE[:4] + b"\xff\xff\xff\x7f\xff\x2f\x00"))


def test_a_file_in_a_wrapper_is_unwrapped(midi_bytes) -> None:
    plain = midi_bytes(NOTE + END)
    info = b"LIST\x03\0\0\0abc\0"
    chunk = b"data" + len(plain).to_bytes(4, "little") + plain
    riff = b"RIFF" + (4 + len(info + chunk)).to_bytes(4, "little") + b"RMID" + info + chunk
    for data in (riff, b"\0" + bytes(127) + plain):
        assert rows(read_midi(data)) == QUARTER


def test_running_status_is_kept_over_what_is_no_channel_message(midi_bytes) -> None:
    track = (
        NOTE[:4] + b"\x00\xff\x01\x01x\x83\x60\x3c\x00\x00\xf0\x01\xf7\x00\x3e\x40\x00\xf8\x83\x60\x3e\x00"
    )
    assert rows(read_midi(midi_bytes(track))) == [(60, 0.0, 1.0), (62, 1.0, 2.0)]


def test_running_status_does_not_cross_tracks(midi_bytes) -> None:
    with pytest.raises(MidiError, match="should be a status"):
        read_midi(midi_bytes(NOTE, SECOND[:4] + END, b"\x00\x3c\x00"))


def test_running_status_of_one_data_byte_is_read(midi_bytes) -> None:
    assert rows(read_midi(midi_bytes(b"\x00\xc0\x05\x01\x06\x01\x07" + NOTE)))[0][1] == 2 / 480


def test_what_follows_the_end_of_a_track_is_not_read(midi_bytes) -> None:
    performance = read_midi(midi_bytes(NOTE + END + b"\xff\xff\xff", SECOND))
    assert performance.pitch.tolist() == [60, 64]


def test_silence_says_what_was_left_out(midi_bytes) -> None:
    with pytest.raises(SilentMidiError, match=r"no notes \(bad_messages=1, system_messages=1\)|no notes \(s"):
        read_midi(midi_bytes(b"\x00\xf8\x00\xb0\x07\xff" + END))
