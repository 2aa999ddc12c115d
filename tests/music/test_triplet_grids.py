"""Grids of 3, 6, 12 and 24 ticks a quarter: thirds stay thirds from the file to the file."""

import hashlib
import itertools
from pathlib import Path

import numpy as np
import pytest

from musicgen.music.grid import ClockGrid, from_packed, from_slices, to_packed
from musicgen.music.midi import read_midi, write_midi
from musicgen.music.notes import Performance
from musicgen.music.packing import SliceLayout, packed_ticks, ticks_at, unpack

ALL = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32]


def performance(rows: list[tuple[int, int, int]], *, ticks: int) -> Performance:
    """Make a performance of (pitch, onset, offset) in ticks of a grid."""
    pitch, onset, offset = np.array(rows, float).T
    quarters = {"onset_quarters": onset / ticks, "offset_quarters": offset / ticks}
    return Performance.from_arrays(pitch.astype(int), onset_s=onset, offset_s=offset, **quarters)


def triplet_study() -> Performance:
    """Write triplets over eighths, in twelfths: broken chords, notes struck again at once, a tie, sixths."""
    rows = [(60 + step % 5, 4 * step, 4 * step + 4) for step in range(24)]
    rows += [(40, 4 * step, 4 * step + 4) for step in range(24)]  # struck again at once
    rows += [(30, 6 * step, 6 * step + 5) for step in range(16)]
    rows += [(80, 10, 38), (81, 2, 4), (81, 4, 6), (81, 6, 8)]
    return performance(sorted(rows, key=lambda row: (row[1], row[0])), ticks=12)


def columns_plainly(ticks: int) -> list[list[int]]:
    """List the packed ticks of each tick: those behind its beginning up to the next, at the nearest."""
    begins = [int(32 * tick / ticks + 0.5) for tick in range(ticks + 1)]
    return [list(range(first, stop)) for first, stop in itertools.pairwise(begins)]


@pytest.mark.parametrize("ticks", ALL)
def test_cells_and_packed_words_are_those_of_plain_loops(ticks: int) -> None:
    layout, columns = SliceLayout(ticks=ticks), columns_plainly(ticks)
    assert [first for first, *_ in columns] == layout.starts.tolist()
    assert [len(tick) for tick in columns] == layout.lengths.tolist()
    random = np.random.default_rng(ticks)
    packed = random.integers(0, 1 << 32, (3, 88), np.uint32) & random.integers(0, 1 << 32, (3, 88), np.uint32)
    packed &= random.integers(0, 1 << 32, (3, 88), np.uint32)
    cells, fine = layout.cells_of(packed), unpack(packed)
    for tick, members in enumerate(columns):
        assert np.array_equal(cells[..., tick], fine[..., members].any(axis=-1))
    drawn, firsts = (unpack(layout.packed_of(cells > 0, first_only=only)) for only in (False, True))
    for tick, (first, *others) in enumerate(columns):
        for column in (first, *others):
            assert np.array_equal(drawn[..., column], cells[..., tick])
            assert np.array_equal(firsts[..., column], cells[..., tick] * (column == first))
    assert np.array_equal(layout.cells_of(layout.packed_of(cells > 0)), cells)
    assert np.array_equal(layout.sounding_last(packed), cells[..., -1])


@pytest.mark.parametrize("ticks", ALL)
def test_every_packed_tick_lies_in_one_tick(ticks: int) -> None:
    columns = columns_plainly(ticks) * 50
    number = np.arange(len(columns))
    expected = [number for number, members in enumerate(columns) for _ in members]
    assert ticks_at(np.arange(50 * 32), ticks=ticks).tolist() == expected
    assert np.array_equal(ticks_at(packed_ticks(number, ticks=ticks), ticks=ticks), number)


def same_notes(one: Performance, other: Performance) -> None:
    np.testing.assert_array_equal(one.pitch, other.pitch)
    np.testing.assert_array_equal(one.onset_quarters, other.onset_quarters)
    np.testing.assert_array_equal(one.offset_quarters, other.offset_quarters)


def test_a_triplet_study_comes_back_as_it_was(tmp_path: Path) -> None:
    study = triplet_study()
    write_midi(study, tmp_path / "study.mid")
    packed = ClockGrid(ticks=12).read(tmp_path / "study.mid").packed
    back = from_packed(packed, ticks=12)
    same_notes(back, study)
    same_notes(from_slices(unpack(packed), ticks=12), study)
    write_midi(back, tmp_path / "back.mid")
    same_notes(read_midi(tmp_path / "back.mid"), read_midi(tmp_path / "study.mid"))
    assert np.array_equal(to_packed(back, ticks=12), packed)
    again = from_packed(packed)
    assert set((again.onset_quarters * 32 % 32).tolist()) >= {11.0, 21.0}  # what it would be on 32nds


def test_on_24_ticks_a_struck_note_alone_may_end_a_tick_early(tmp_path: Path) -> None:
    study = triplet_study()
    write_midi(study, tmp_path / "study.mid")
    back = from_packed(ClockGrid(ticks=24).read(tmp_path / "study.mid").packed, ticks=24)
    np.testing.assert_array_equal(back.pitch, study.pitch)
    np.testing.assert_array_equal(back.onset_quarters, study.onset_quarters)
    early = np.rint((study.offset_quarters - back.offset_quarters) * 24)
    assert set(early.tolist()) == {0, 1}
    assert set(study.pitch[early > 0].tolist()) <= {40, 81}
    apart = study.where(~np.isin(study.pitch, [40, 81]))
    same_notes(from_packed(to_packed(apart, ticks=24), ticks=24), apart)


@pytest.mark.parametrize("ticks", [3, 6, 12, 24])
def test_any_notes_of_a_grid_come_back(ticks: int) -> None:
    random = np.random.default_rng(ticks)
    rows = []
    for pitch in range(21, 109):
        edges = np.sort(random.choice(40 * ticks, 30, replace=False)).tolist()
        rows += [(pitch, begin, end) for begin, end in zip(edges[::2], edges[1::2], strict=True)]
    rows = sorted([(20 + 1, 0, 1), *(row for row in rows if row[0] > 21)], key=lambda row: (row[1], row[0]))
    piece = performance(rows, ticks=ticks)
    same_notes(from_packed(to_packed(piece, ticks=ticks), ticks=ticks), piece)


def test_triplets_lie_on_the_same_packed_ticks_as_on_the_fine_grid() -> None:
    study = triplet_study()
    for ticks in (12, 24):
        coarse, fine = (unpack(to_packed(study, ticks=number)) for number in (ticks, 32))
        assert np.array_equal(coarse, fine)


@pytest.mark.parametrize(
    ("ticks", "digest"),
    [(4, "2c9befa6a5360459"), (8, "043db06073cf818b"), (16, "d910d1f75b157343"), (32, "c71a58980a02d34a")],
)
def test_grids_whose_ticks_divide_32_are_what_they_were(ticks: int, digest: str) -> None:
    random = np.random.default_rng(5)
    onset = np.sort(random.random(800) * 40)
    quarters = {"onset_quarters": onset, "offset_quarters": onset + random.random(800) * 2}
    seconds = {"onset_s": onset, "offset_s": onset + 1}
    piece = Performance.from_arrays(random.integers(50, 70, 800), **seconds, **quarters)
    packed = to_packed(piece, ticks=ticks)
    back = from_packed(packed, ticks=ticks)
    same_notes(back, from_packed(packed))
    whole = hashlib.sha256(packed)
    for array in (SliceLayout(ticks=ticks).cells_of(packed), back.onset_quarters, back.offset_quarters):
        whole.update(np.ascontiguousarray(array))
    assert whole.hexdigest()[:16] == digest


@pytest.mark.parametrize("ticks", [0, 5, 7, 10, 20, 33, 48, 96])
def test_other_numbers_of_ticks_are_refused_with_those_that_are_allowed(ticks: int) -> None:
    said = f"ticks={ticks} per quarter.*use 4, 8, 16 or 32, or with triplets 3, 6, 12 or 24"
    for refused in (ClockGrid, SliceLayout):
        with pytest.raises(ValueError, match=said):
            refused(ticks=ticks)
    with pytest.raises(ValueError, match=said):
        from_packed(np.zeros((0, 88), np.uint32), ticks=ticks)
