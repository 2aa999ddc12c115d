"""Notes on the grid: every held cell is drawn, onsets show, and the way back gives the notes."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicgen.music.grid import MAX_QUARTERS, ClockGrid, from_packed, from_slices, to_packed, to_slices
from musicgen.music.midi import READER_VERSION, MidiError, read_midi
from musicgen.music.notes import Performance
from musicgen.music.packing import NUM_PITCHES, TICKS_PER_QUARTER, packed_onsets, unpack

notes = st.lists(
    st.tuples(st.sampled_from([21, 60, 61, 108]), st.integers(0, 200), st.integers(1, 100)),
    min_size=1,
    max_size=40,
)


def performance(rows: list[tuple[int, float, float]]) -> Performance:
    """Make a performance of (pitch, onset, offset) in ticks of the grid, two quarters a second."""
    pitch, onset, offset = np.array(rows, np.float64).reshape(-1, 3).T
    quarters = {"onset_quarters": onset / TICKS_PER_QUARTER, "offset_quarters": offset / TICKS_PER_QUARTER}
    seconds = {"onset_s": onset / 64, "offset_s": offset / 64}
    return Performance.from_arrays(pitch.astype(int), **seconds, **quarters)


def line(slices: np.ndarray) -> np.ndarray:
    """Lay slices end to end: (88, ticks)."""
    return slices.transpose(1, 0, 2).reshape(NUM_PITCHES, -1)


def note_ticks(piece: Performance) -> list[tuple[int, int, int]]:
    times = (
        np.rint(time * TICKS_PER_QUARTER).astype(int)
        for time in (piece.onset_quarters, piece.offset_quarters)
    )
    return list(zip(piece.pitch.tolist(), *(time.tolist() for time in times), strict=True))


def drawn_plainly(piece: Performance) -> np.ndarray:
    """Draw note by note and cell by cell, as the rules say; (88, ticks)."""
    ticks = [(p - 21, on, max(off, on + 1)) for p, on, off in note_ticks(piece)]
    first = min(on for _, on, _ in ticks) // TICKS_PER_QUARTER * TICKS_PER_QUARTER
    quarters = -(-(max(off for _, _, off in ticks) - first) // TICKS_PER_QUARTER)
    roll = np.zeros((NUM_PITCHES, quarters * TICKS_PER_QUARTER), bool)
    for pitch, onset, offset in ticks:
        roll[pitch, onset - first : offset - first] = True
    onsets = {(pitch, onset - first) for pitch, onset, _ in ticks}
    for pitch, onset in onsets:
        if onset > 0 and (pitch, onset - 1) not in onsets:
            roll[pitch, onset - 1] = False
    return roll


# What the original got wrong


def test_an_onset_just_before_a_quarter_is_the_next_quarters_first_tick() -> None:
    slices = to_slices(performance([(60, 0, 8), (64, 31.6, 40)]))
    assert slices.shape == (2, NUM_PITCHES, TICKS_PER_QUARTER)
    assert line(slices)[64 - 21].nonzero()[0].tolist() == list(range(32, 40))


def test_a_long_note_sounds_in_every_quarter_that_it_crosses() -> None:
    slices = to_slices(performance([(60, 5, 5 + 167)]))
    assert line(slices)[60 - 21].nonzero()[0].tolist() == list(range(5, 172))
    assert slices.sum() == 167


def test_all_tails_of_a_held_chord_are_drawn() -> None:
    chord = [(pitch, 0, 70 + pitch) for pitch in range(40, 60)]
    roll = line(to_slices(performance(chord)))
    assert [int(roll[pitch - 21].sum()) for pitch in range(40, 60)] == [70 + pitch for pitch in range(40, 60)]


@pytest.mark.parametrize("gap", [0, 1, 2])
def test_two_onsets_of_one_pitch_stay_two_notes(gap: int) -> None:
    piece = performance([(60, 0, 20), (60, 20 + gap, 50)])
    assert note_ticks(from_slices(to_slices(piece))) == [(60, 0, 19 + (gap > 0)), (60, 20 + gap, 50)]


def test_pitches_at_both_ends_of_the_keyboard_have_their_own_row() -> None:
    slices = to_slices(performance([(21, 0, 32), (108, 0, 32)]))
    assert np.flatnonzero(slices.any(axis=(0, 2))).tolist() == [0, 87]


# The rules


@given(rows=notes)
def test_cells_are_those_that_the_rules_draw_one_by_one(rows: list[tuple[int, int, int]]) -> None:
    piece = performance([(pitch, onset, onset + length) for pitch, onset, length in rows])
    np.testing.assert_array_equal(line(to_slices(piece)), drawn_plainly(piece))


@given(rows=notes)
def test_a_note_that_nothing_overlaps_comes_back_whole(rows: list[tuple[int, int, int]]) -> None:
    at, apart = 0, []
    for pitch, pause, length in rows:
        at += pause + 1
        apart.append((pitch, at, at + length))
        at += length
    piece = performance(apart)
    first = apart[0][1] // TICKS_PER_QUARTER * TICKS_PER_QUARTER
    back = from_packed(to_packed(piece), tempo_bpm=60.0)
    assert [(pitch, on + first, off + first) for pitch, on, off in note_ticks(back)] == sorted(
        apart, key=lambda n: n[1]
    )
    np.testing.assert_allclose(back.onset_s, back.onset_quarters)


def test_a_restruck_onset_never_erases_a_note_of_one_tick() -> None:
    assert line(to_slices(performance([(60, 4, 5), (60, 5, 6), (60, 6, 9)])))[39].nonzero()[0].tolist() == [
        4,
        5,
        6,
        7,
        8,
    ]


def test_a_note_shorter_than_a_tick_gets_one() -> None:
    assert note_ticks(from_slices(to_slices(performance([(60, 3.1, 3.2)])))) == [(60, 3, 4)]


def test_slices_run_from_the_quarter_of_the_first_onset_to_the_last_offset() -> None:
    assert to_packed(performance([(60, 32 * 7 + 31, 32 * 9)])).shape == (2, NUM_PITCHES)
    assert to_packed(performance([(60, 32 * 7 + 31, 32 * 9 + 1)])).shape == (3, NUM_PITCHES)
    assert to_packed(performance([])).shape == (0, NUM_PITCHES)


def test_the_onset_channel_is_the_rising_edges_of_the_whole_piece() -> None:
    packed = to_packed(performance([(60, 0, 70), (62, 32, 40), (60, 80, 90)]))
    assert [
        (int(p), int(t)) for p, t in zip(*line(unpack(packed_onsets(packed))).nonzero(), strict=True)
    ] == [
        (39, 0),
        (39, 80),
        (41, 32),
    ]
    np.testing.assert_array_equal(packed_onsets(packed[1:], previous=packed[0]), packed_onsets(packed)[1:])
    assert packed_onsets(packed[1:])[0, 39] == 1


def test_an_onset_inside_a_run_begins_a_new_note() -> None:
    slices = to_slices(performance([(60, 0, 40)]))
    onsets = np.zeros_like(slices)
    onsets[0, 39, [0, 10, 11]] = onsets[1, 39, 2] = True  # a longer onset is still one
    onsets[0, 50, 5] = True  # nothing sounds there
    assert note_ticks(from_slices(slices, onsets=onsets)) == [(60, 0, 10), (60, 10, 34), (60, 34, 40)]


def test_silence_gives_no_notes() -> None:
    assert len(from_slices(np.zeros((3, 88, 32), bool))) == 0
    assert len(from_slices(np.zeros((0, 88, 32), bool))) == 0


@pytest.mark.parametrize("shape", [(88, 32), (1, 32, 88), (1, 87, 32), (1, 2, 88, 32)])
def test_a_wrong_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="88, 32"):
        from_slices(np.zeros(shape, bool))


def test_probabilities_and_wrong_settings_are_refused() -> None:
    slices = np.zeros((1, 88, 32), bool)
    with pytest.raises(ValueError, match=r"> 0\.5"):
        from_slices(np.full((1, 88, 32), 0.2))
    with pytest.raises(ValueError, match="tempo_bpm=0"):
        from_slices(slices, tempo_bpm=0.0)
    with pytest.raises(ValueError, match="onsets"):
        from_slices(slices, onsets=np.zeros((2, 88, 32), bool))
    with pytest.raises(ValueError, match="uint32"):
        from_packed(np.zeros((1, 88)))
    slices[0, 0, 0] = True
    with pytest.raises(ValueError, match="velocity"):
        from_slices(slices, velocity=0)


def test_a_piece_too_long_for_the_grid_is_refused_with_its_path(tmp_path: Path, midi_bytes) -> None:
    fast = b"\x00\xff\x51\x03\x00\x00\x64"  # a tenth of a millisecond a quarter
    path = tmp_path / "long.mid"
    path.write_bytes(midi_bytes(fast + b"\x00\x90\x3c\x40\xff\xff\xff\x7f\x3c\x00", division=1))
    with pytest.raises(MidiError, match=f"{MAX_QUARTERS:,}"):
        to_packed(read_midi(path))
    with pytest.raises(MidiError, match=r"long\.mid"):
        ClockGrid().read(path)


def test_a_grid_names_its_settings_and_the_readers_version(tmp_path: Path, midi_bytes) -> None:
    assert ClockGrid().key != ClockGrid(sustain=True).key
    assert f"v{READER_VERSION}" in ClockGrid().key
    path = tmp_path / "pedal.mid"
    path.write_bytes(midi_bytes(b"\x00\xb0\x40\x7f\x00\x90\x3c\x40\x83\x60\x3c\x00\x83\x60\xb0\x40\x00"))
    assert len(ClockGrid().read(path).packed) == 1
    piece = ClockGrid(sustain=True).read(path)
    assert (len(piece.packed), piece.num_notes) == (2, 1)


def kept(piece: Performance) -> tuple[int, int]:
    """Count the notes that come back at their tick, and all."""
    back = from_slices(to_slices(piece))
    onset = np.rint(piece.onset_quarters * TICKS_PER_QUARTER).astype(int)
    onset -= onset[0] // TICKS_PER_QUARTER * TICKS_PER_QUARTER
    cells = np.unique(np.stack([piece.pitch, onset]), axis=1)
    found = np.unique(
        np.stack([back.pitch, np.rint(back.onset_quarters * TICKS_PER_QUARTER).astype(int)]), axis=1
    )
    return len(set(map(tuple, cells.T)) & set(map(tuple, found.T))), len(piece)


def test_real_notes_come_back_at_their_tick(some_real_files: list[Path]) -> None:
    counts = np.array([kept(read_midi(path)) for path in some_real_files])
    share = counts[:, 0] / counts[:, 1]
    assert share.min() > 0.999, share  # all 857 files: 0.999999


@pytest.mark.parametrize("ticks", [8, 16])
def test_a_coarse_grid_draws_whole_ticks_and_keeps_struck_notes_apart(ticks: int) -> None:
    unit = 32 // ticks
    piece = performance([(60, 1, 32), (60, 33, 63), (64, 3, 4)])  # 60 is struck again at once
    cells = unpack(to_packed(piece, ticks=ticks))
    assert cells[0, 39, :-1].all()
    assert not cells[0, 39, -1]  # one packed tick, so that the coarse cell still sounds
    assert cells[1, 39].all()
    assert cells[0, 43].sum() == unit


def test_a_grid_of_32_ticks_is_cached_where_it_was() -> None:
    assert ClockGrid().key == ClockGrid(ticks=32).key
    assert len({ClockGrid(ticks=ticks).key for ticks in (8, 12, 16, 24, 32)}) == 5
