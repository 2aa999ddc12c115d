"""Bachsformer's grid with one defect put right: the one is gone, the other is still there."""

from pathlib import Path

import mido
import numpy as np

from musicgen.compat.bachsformer import read_slices
from musicgen.compat.repaired import AllTailsGrid, TrueTimeGrid
from musicgen.music.grid import ClockGrid
from musicgen.music.midi import write_midi
from musicgen.music.packing import unpack
from tests.conftest import etude


def drawn(slices: np.ndarray, pitch: int) -> list[tuple[int, int]]:
    """Give the cells of a pitch as (slice, tick)."""
    return [(int(quarter), int(tick)) for quarter, tick in np.argwhere(slices[:, pitch - 21])]


def a_long_note(path: Path) -> Path:
    """Write, at 384 ticks a quarter, a pedal's quarter, then C4 for two and a half, then a last note."""
    file = mido.MidiFile(ticks_per_beat=384)
    pedal = mido.Message("control_change", control=64, value=0, time=0)
    note = [
        mido.Message("note_on", note=72, velocity=64, time=0),
        mido.Message("note_off", note=72, velocity=0, time=12),
        pedal.copy(time=372),
        mido.Message("note_on", note=60, velocity=64, time=0),
        mido.Message("note_off", note=60, velocity=0, time=960),
        mido.Message("note_on", note=72, velocity=64, time=192),
        mido.Message("note_off", note=72, velocity=0, time=12),
    ]
    file.tracks.append(mido.MidiTrack(note))
    file.save(path)
    return path


def test_true_time_keeps_the_wrong_tails(tmp_path: Path):
    slices = unpack(TrueTimeGrid().read(a_long_note(tmp_path / "a.mid")).packed)
    # Begins at quarter 1; the tail that fills quarter 2 draws nothing; the half quarter's is in its place.
    assert drawn(slices, 60) == [*((1, tick) for tick in range(32)), *((3, tick) for tick in range(16))]


def test_all_tails_keep_the_wrong_time(tmp_path: Path):
    slices = unpack(AllTailsGrid().read(a_long_note(tmp_path / "a.mid")).packed)
    # 12 ticks after the first onset, for 960: to the 972nd of 480 a quarter, which is 64.8 grid ticks.
    assert drawn(slices, 60) == [(tick // 32, tick % 32) for tick in range(1, 65)]


def test_both_repairs_together_are_the_clock_grid(tmp_path: Path):
    write_midi(etude(0), tmp_path / "a.mid", ticks_per_quarter=480)
    ours = unpack(ClockGrid().read(tmp_path / "a.mid").packed)
    assert np.array_equal(unpack(AllTailsGrid().read(tmp_path / "a.mid").packed), ours)


def test_true_time_changes_nothing_where_theirs_is_true(tmp_path: Path):
    write_midi(etude(1), tmp_path / "a.mid", ticks_per_quarter=480)
    theirs = read_slices(tmp_path / "a.mid")
    assert np.array_equal(unpack(TrueTimeGrid().read(tmp_path / "a.mid").packed), theirs)
