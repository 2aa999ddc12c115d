"""Slices of a coarse grid: every onset and every sounding cell stays visible."""

from pathlib import Path

import numpy as np
import pytest

from musicgen.data.batches.slices import SliceBatch
from musicgen.data.catalogue.pieces import Piece
from musicgen.data.store.packed import PackedPieces
from musicgen.music.grid import from_packed, to_packed
from musicgen.music.packing import SliceLayout, coarsened, unpack
from tests.conftest import notes

NAMELESS = Piece(path=Path(), content="", composer="", surname="", title="", era="unknown")
REPEATED = notes([(60, 0, 1), (60, 1, 1.125), (60, 1.125, 2), (64, 0, 2)])


@pytest.mark.parametrize("ticks", [8, 16])
def test_repeated_notes_keep_every_onset_and_every_cell(ticks: int) -> None:
    packed = to_packed(REPEATED, ticks=ticks)
    slices, before = SliceBatch.of_piece(packed, channels=2, layout=SliceLayout(ticks=ticks))
    sounding, onsets = slices.numpy().transpose(1, 2, 0, 3).reshape(2, 88, -1)
    assert sounding[60 - 21].all()  # no cell is cleared before a re-struck onset
    assert np.flatnonzero(onsets[60 - 21]).tolist() == [0, ticks, ticks + ticks // 8]
    assert np.flatnonzero(onsets[64 - 21]).tolist() == [0]
    assert before[:, 60 - 21].tolist() == [0, 1]


def test_a_batch_of_a_pack_reads_as_the_piece_does() -> None:
    packed = to_packed(REPEATED, ticks=8)
    layout = SliceLayout(ticks=8)
    pack = PackedPieces(np.concatenate([packed, packed]), starts=np.array([0, 2, 4]), pieces=[NAMELESS] * 2)
    batch = SliceBatch.of(pack, np.arange(4), channels=2, layout=layout)
    alone = SliceBatch.of_piece(packed, channels=2, layout=layout)
    for both, one in zip(batch, alone, strict=True):
        assert np.array_equal(np.concatenate([one, one]), both)


def test_repeated_notes_come_back_as_they_were() -> None:
    notes = from_packed(to_packed(REPEATED, ticks=8))
    assert notes.pitch.tolist() == [60, 64, 60, 60]
    assert notes.onset_quarters.tolist() == [0, 0, 1, 1.125]
    assert np.abs(notes.offset_quarters - [1, 2, 1.125, 2]).max() <= 1 / 32


@pytest.mark.parametrize("unit", [1, 2, 4, 5, 8, 10, 16])
def test_coarsened_ticks_are_set_where_any_is(unit: int) -> None:
    packed = np.random.default_rng(unit).integers(0, 1 << 32, 500, dtype=np.uint32) & np.uint32(0x81000410)
    whole = 32 // unit * unit
    fine = unpack(packed)[:, :whole].reshape(500, -1, unit)
    assert np.array_equal(unpack(coarsened(packed, unit=unit))[:, :whole:unit], fine.any(axis=-1))
