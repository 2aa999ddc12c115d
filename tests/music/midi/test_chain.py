"""The fast tokeniser says what the plain one says, on anything."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicgen.music.midi import chain
from musicgen.music.midi.chain import read_events
from musicgen.music.midi.events import MidiError, read_events_slowly
from musicgen.music.midi.smf import _chunks

# Bytes that make sense more often than plain random ones do.
PIECES = [
    b"\x00\x90\x3c\x40",
    b"\x10\x3c\x00",
    b"\x81\x00\x80\x3c\x40",
    b"\x00\xb0\x40\x7f",
    b"\x05\xc0\x07",
    b"\x05\x07",
    b"\x02\xd3\x11",
    b"\x00\xe0\x00\x40",
    b"\x00\xff\x51\x03\x07\xa1\x20",
    b"\x00\xff\x01\x81\x00" + b"x" * 128,
    b"\x00\xff\x2f\x00",
    b"\x00\xff\x2f\x02ab",
    b"\x00\xf0\x03ab\xf7",
    b"\xff\xff\xff\x7f\x90\x40\x40",
    b"\x81\x82\x83\x84\x05\x90\x40\x40",
    b"\xff",
    b"\x80",
    b"\x00",
    b"\x00\xf8",
    b"\x00\x90\x80\x40",
]
tracks = st.lists(
    st.lists(st.sampled_from(PIECES) | st.binary(max_size=6), max_size=12).map(b"".join),
    min_size=1,
    max_size=4,
)


def outcome(reader, data: bytes, where: list[tuple[int, int]]) -> dict | str:
    try:
        events = reader(data, where)
    except MidiError as error:
        return error.reason
    arrays = {field.name: getattr(events, field.name).tolist() for field in dataclasses.fields(events)}
    sized = (events.status < 0xF0) & ((events.status & 0xE0) != 0xC0)
    arrays["data2"] = events.data2[sized].tolist()
    return arrays


def places(contents: list[bytes]) -> tuple[bytes, list[tuple[int, int]]]:
    data, where = b"", []
    for content in contents:
        data += b"header.."
        where.append((len(data), len(data) + len(content)))
        data += content
    return data, where


@given(contents=tracks, block_bytes=st.sampled_from([1, 3, 16, 1 << 16]))
def test_fast_tokeniser_agrees_with_the_plain_one(contents: list[bytes], block_bytes: int) -> None:
    data, where = places(contents)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chain, "BLOCK_BYTES", block_bytes)
        assert outcome(read_events, data, where) == outcome(read_events_slowly, data, where)


def test_fast_tokeniser_agrees_on_mutated_real_files(some_real_files: list[Path]) -> None:
    random = np.random.default_rng(0)
    for path in some_real_files:
        contents = path.read_bytes()[:3000]
        for _ in range(20):
            data = np.frombuffer(contents, np.uint8).copy()
            data[random.integers(22, len(data), random.integers(0, 4))] = random.integers(0, 256)
            where = [(22, 41), (49, len(data))]
            assert outcome(read_events, data.tobytes(), where) == outcome(
                read_events_slowly, data.tobytes(), where
            )


def test_real_files_never_need_the_plain_tokeniser(
    some_real_files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(chain, "read_events_slowly")
    for path in some_real_files:
        data = path.read_bytes()
        read_events(data, _chunks(data)[1])


def test_running_status_of_one_data_byte_is_read() -> None:
    data, where = places([b"\x00\xc0\x05\x01\x06\x01\x07\x00\x90\x3c\x40\x10\x3c\x00"])
    assert read_events(data, where).status.tolist() == [0xC0, 0xC0, 0xC0, 0x90, 0x90]


def test_meta_and_sysex_leave_running_status_alone() -> None:
    data, where = places([b"\x00\x90\x3c\x40\x00\xff\x01\x01x\x07\x3c\x00\x00\xf0\x01\xf7\x00\x3e\x40"])
    events = read_events(data, where)
    assert events.status.tolist() == [0x90, 0xFF, 0x90, 0xF0, 0x90]
    assert events.tick.tolist() == [0, 0, 7, 7, 7]


def test_running_status_does_not_cross_tracks() -> None:
    data, where = places([b"\x00\x90\x3c\x40", b"\x00\x3c\x00"])
    with pytest.raises(MidiError, match="should be a status"):
        read_events(data, where)


def test_what_follows_the_end_of_a_track_is_not_read() -> None:
    data, where = places([b"\x00\x90\x3c\x40\x05\xff\x2f\x00\xff\xff\xff", b"\x07\x90\x3d\x40"])
    events = read_events(data, where)
    assert events.counts.tolist() == [2, 1]
    assert events.end_tick.tolist() == [5, 7]
