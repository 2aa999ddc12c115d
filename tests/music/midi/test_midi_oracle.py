"""The notes read are those of plain queues over mido's messages: on made-up, real and broken files."""

from dataclasses import asdict
from pathlib import Path

import mido
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicgen.music.midi import MidiError, read_midi
from musicgen.music.notes import Performance

SHARDS = 8  # of the test on all files, so that several processes can share it

channels = st.sampled_from([0, 0, 0, 1, 9])
pitches = st.sampled_from([20, 21, 60, 60, 60, 61, 108, 109])
times = st.sampled_from([0, 0, 1, 7, 127, 128, 500, 20_000])
values = st.integers(0, 127)
messages = st.one_of(
    st.builds(mido.Message, st.just("note_on"), note=pitches, velocity=values, channel=channels, time=times),
    st.builds(
        mido.Message, st.sampled_from(["note_on", "note_off"]), note=pitches, channel=channels, time=times
    ),
    st.builds(mido.Message, st.just("note_off"), note=pitches, channel=channels, time=times),
    st.builds(mido.Message, st.just("control_change"), control=st.just(64), value=values, time=times),
    st.builds(mido.Message, st.sampled_from(["program_change", "aftertouch"]), channel=channels, time=times),
    st.builds(mido.Message, st.just("pitchwheel"), pitch=st.integers(-8192, 8191), time=times),
    st.builds(mido.Message, st.just("sysex"), data=st.lists(values, max_size=200), time=times),
    st.builds(mido.MetaMessage, st.just("text"), text=st.text("ab", max_size=200), time=times),
    st.builds(mido.MetaMessage, st.just("set_tempo"), tempo=st.integers(1, 0xFFFFFF), time=times),
)
files = st.lists(st.lists(messages, max_size=40), min_size=1, max_size=4)


def compare(performance: Performance, oracle) -> None:
    """Assert that counts, pitches, ticks and velocities are equal and seconds within a millisecond."""
    onset = np.rint(performance.onset_quarters * oracle.ticks_per_quarter).astype(np.int64)
    offset = np.rint(performance.offset_quarters * oracle.ticks_per_quarter).astype(np.int64)
    assert (np.diff(onset * 128 + performance.pitch) >= 0).all()
    order = np.lexsort((performance.velocity, offset, performance.pitch, onset))
    rows = np.stack([onset, performance.pitch, offset, performance.velocity], axis=1)[order]
    np.testing.assert_array_equal(rows, oracle.rows)
    np.testing.assert_allclose(performance.onset_s[order], oracle.onset_s, rtol=0, atol=1e-3)
    np.testing.assert_allclose(performance.offset_s[order], oracle.offset_s, rtol=0, atol=1e-3)
    for name, number in asdict(performance.counts).items():
        assert number == oracle.counts[name], name


@given(tracks=files, ticks_per_quarter=st.sampled_from([1, 96, 384, 480]))
def test_made_up_files_read_as_plain_queues_say(
    mido_bytes, first_in_first_out, tracks, ticks_per_quarter
) -> None:
    data = mido_bytes(*tracks, ticks_per_quarter=ticks_per_quarter)
    oracle = first_in_first_out(data)
    is_silent = len(oracle.rows) == 0
    if is_silent or oracle.offset_s.max() > 12 * 3600:
        with pytest.raises(MidiError, match="no notes" if is_silent else "hours"):
            read_midi(data)
    else:
        compare(read_midi(data), oracle)


def test_a_dozen_real_files_read_as_plain_queues_say(some_real_files, first_in_first_out) -> None:
    for path in some_real_files:
        compare(read_midi(path), first_in_first_out(path))


@pytest.mark.parametrize(
    "shard", [pytest.param(n, marks=pytest.mark.long if n else pytest.mark.gate) for n in range(SHARDS)]
)
def test_all_real_files_read_as_plain_queues_say(
    giantmidi_root: Path, first_in_first_out, shard: int
) -> None:
    for path in sorted(giantmidi_root.glob("**/*.mid"))[shard::SHARDS]:
        compare(read_midi(path), first_in_first_out(path))


def held_to(performance: Performance, oracle, pedals: list[tuple[int, bool]], end: int) -> np.ndarray:
    """Walk to each note's end, then on while the pedal is down; one channel only."""
    result = []
    for onset, pitch, offset, _ in oracle.rows.tolist():
        state = [down for tick, down in pedals if tick <= offset]
        release = offset
        if state and state[-1]:
            release = next((tick for tick, down in pedals if tick > offset and not down), end)
        again = [row[0] for row in oracle.rows.tolist() if row[1] == pitch and row[0] > onset]
        result.append(max(offset, min([release, *again[:1]])))
    return np.array(result)


def test_the_pedal_holds_real_notes_as_long_as_a_plain_walk_says(some_real_files, first_in_first_out) -> None:
    path = min(some_real_files, key=lambda file: file.stat().st_size)
    pedals, end = [], 0
    for track in mido.MidiFile(path).tracks:
        tick = 0
        for message in track:
            tick += message.time
            if message.type == "control_change" and message.control == 64:
                pedals.append((tick, message.value >= 64))
        end = max(end, tick)
    oracle = first_in_first_out(path)
    performance = read_midi(path, sustain=True)
    expected = held_to(performance, oracle, pedals, end) / oracle.ticks_per_quarter
    order = np.lexsort((performance.offset_quarters, performance.pitch, performance.onset_quarters))
    np.testing.assert_allclose(performance.offset_quarters[order], expected)
    assert (expected * oracle.ticks_per_quarter > oracle.rows[:, 2]).any()
