"""A file that cannot be read as music is refused with its path and the reason, at little cost."""

import pickle
import struct
import tracemalloc
from pathlib import Path

import pytest

from musicgen.music.midi import MidiError, SilentMidiError, read_midi
from tests.music.conftest import rows

NOTE = b"\x00\x90\x3c\x40\x83\x60\x3c\x00"  # C4 for a quarter of 480 ticks


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not a MIDI file"),
        (b"RIFF\0\0\0\0RMID", "RIFF wrapper"),
        (b"<html>", "not a MIDI file"),
        (b"MThd\0\0\0\6\0\1", "truncated"),
        (b"MThd" + struct.pack(">IHHH", 6, 1, 1, 480), "truncated: 0 of 1 tracks"),
        (b"MThd" + struct.pack(">IHHH", 6, 1, 0, 480), "0 tracks"),
        (b"MThd" + struct.pack(">IHHH", 2, 1, 1, 480) + bytes(20), "header of 2 bytes"),
        (b"MThd" + struct.pack(">IHHH", 6, 2, 2, 480) + b"MTrk\0\0\0\0" * 2, "type 2 with 2 tracks"),
        (b"MThd" + struct.pack(">IHHH", 6, 77, 1, 480), "type 77"),
        (b"MThd" + struct.pack(">IHHH", 6, 1, 1, 0), "division of 0"),
        (b"MThd" + struct.pack(">IHHH", 6, 1, 1, 0xE728), "SMPTE"),
        (b"MThd" + struct.pack(">IHHH", 6, 1, 65535, 480) + b"MTrk\xff\xff\xff\xff\0", "truncated: a chunk"),
    ],
)
def test_a_header_that_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(MidiError, match=reason):
        read_midi(data)


@pytest.mark.parametrize(
    ("track", "reason"),
    [
        (b"", "no notes"),
        (b"\x00\xff\x2f\x00", "no notes"),
        (b"\x00\x90\x0a\x40\x10\x0a\x00", "out_of_range_notes=1"),
        (NOTE[:-1], "corrupt"),
        (b"\x00\xb0\x40\xff" * 20 + NOTE, "20 of 22 messages carry data bytes over 127"),
        (b"\x00\xf9", "corrupt: status 0xf9"),
        (b"\x00\x3c\x40", "corrupt"),
        (b"\x00\xff\x01\x05ab", "corrupt: the event"),
        (b"\x80\x80\x80\x80\x80\x00", "corrupt: no end"),
        (b"\x00\x90\x3c\x40" + b"\xff\xff\xff\x7f\x3c\x00" * 100, "hours"),
        (NOTE + b"\x01\x3c\x40\x01\x3c\x00" * 1_000_000, "1,000,001 notes"),
        (NOTE + b"\x00\x3c\x00" * 3_000_000, "events"),
        (NOTE * (1 << 22), "32 MiB"),
    ],
)
def test_a_track_that_is_refused(midi_bytes, track: bytes, reason: str) -> None:
    with pytest.raises(MidiError, match=reason):
        read_midi(midi_bytes(track))


def test_silence_is_told_from_a_broken_file(midi_bytes, tmp_path: Path) -> None:
    (tmp_path / "silent.mid").write_bytes(midi_bytes(b"\x00\xff\x2f\x00"))
    with pytest.raises(SilentMidiError, match=r"silent\.mid: no notes"):
        read_midi(tmp_path / "silent.mid")


def test_a_million_notes_are_read(midi_bytes) -> None:
    assert (
        len(read_midi(midi_bytes(b"\x00\x90\x3c\x40\x01\x3c\x00" + b"\x01\x3c\x40\x01\x3c\x00" * 999_999)))
        == 10**6
    )


def test_alien_chunks_are_skipped_and_a_longer_header_is_allowed(midi_bytes) -> None:
    plain = midi_bytes(NOTE)
    data = b"MThd\0\0\0\x08" + plain[8:14] + b"\0\0" + b"XFIH\0\0\0\x03abc" + plain[14:]
    assert rows(read_midi(data)) == rows(read_midi(plain))
    with pytest.raises(MidiError, match="not tracks"):
        read_midi(plain[:14] + b"XXXX\0\0\0\0" * 5000 + plain[14:])


def test_the_error_gives_path_and_reason_and_travels_between_processes(tmp_path: Path) -> None:
    path = tmp_path / "夜想曲.mid"
    path.write_bytes(b"no music")
    with pytest.raises(MidiError, match="not a MIDI file") as caught:
        read_midi(path)
    assert str(path) in str(caught.value)
    copy = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 (our own bytes)
    assert (copy.path, copy.reason, str(copy)) == (str(path), "not a MIDI file", str(caught.value))


@pytest.mark.parametrize("name", ["gone.mid", ".", "nul\0byte.mid"])
def test_a_path_that_cannot_be_opened_is_a_midi_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(MidiError, match="cannot be opened") as caught:
        read_midi(tmp_path / name)
    assert isinstance(caught.value.__cause__, OSError | ValueError)


def test_a_few_bytes_cannot_ask_for_much_memory(midi_bytes) -> None:
    hostile = [
        b"MThd" + struct.pack(">IHHH", 6, 1, 65535, 1) + b"MTrk\x7f\xff\xff\xff",
        midi_bytes(NOTE + b"\x00", number=65535),
        midi_bytes(b"\xff\xff\xff\x7f\x90\x3c\x40\xff\xff\xff\x7f\x3c\x00"),
        midi_bytes(b"\x00\xff\x01\xff\xff\xff\x7f" + NOTE),
    ]
    tracemalloc.start()
    for data in hostile:
        with pytest.raises(MidiError):
            read_midi(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2e6
