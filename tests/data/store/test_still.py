"""Long silences and drones, such as of a stray or a stuck note, are cut, counted and told."""

import logging
from pathlib import Path

import numpy as np
import pytest

from musicgen.data.catalogue.piece_filter import PieceFilter
from musicgen.data.prepare import Prepared, prepare
from musicgen.data.sources.folder import Folder
from musicgen.data.store.still import LONGEST_STILL_QUARTERS, cut_still
from musicgen.music.grid import ClockGrid
from musicgen.music.midi import write_midi
from musicgen.music.notes import Performance
from tests.data.conftest import random_performance

ALL = np.uint32(0xFFFFFFFF)


def prepared_with(folder: Path, *, onset: float, offset: float) -> Prepared:
    """Prepare four pieces of 8 quarters, one of them with one more note."""
    folder.mkdir()
    for seed in range(4):
        plain = random_performance(seed)
        onsets, offsets = plain.onset_quarters, plain.offset_quarters
        pitch = plain.pitch
        if seed == 2:
            onsets, offsets, pitch = np.r_[onsets, onset], np.r_[offsets, offset], np.r_[pitch, 30]
        whole = Performance.from_arrays(
            pitch, onset_s=onsets / 2, offset_s=offsets / 2, onset_quarters=onsets, offset_quarters=offsets
        )
        write_midi(whole, folder / f"{seed}.mid")
    return prepare(
        Folder(folder), ClockGrid(), choice=PieceFilter(), cache_dir=folder.parent / "cache", progress=False
    )


@pytest.mark.parametrize(("onset", "offset"), [(7200.0, 7201.0), (0.0, 1216.0)], ids=["stray", "stuck"])
def test_a_stray_and_a_stuck_note_add_a_moment_not_an_hour(
    tmp_path: Path, onset: float, offset: float, caplog: pytest.LogCaptureFixture
):
    with caplog.at_level(logging.WARNING):
        done = prepared_with(tmp_path / "music", onset=onset, offset=offset)
    assert done.summary["quarters"] < 4 * 20
    assert done.summary["cut"]["pieces"] == 1
    assert done.summary["cut"]["quarters"] > 1100
    assert "2.mid" in caplog.text
    assert sum(len(packed) for packed in done.splits.values()) == done.summary["quarters"]


def test_rests_of_a_piece_stay(tmp_path: Path):
    done = prepared_with(tmp_path / "music", onset=30.0, offset=30.0 + LONGEST_STILL_QUARTERS)
    assert done.summary["cut"] == {"pieces": 0, "quarters": 0}


def test_only_what_stands_still_is_cut():
    moving = np.random.default_rng(0).integers(1, 2**32, size=(50, 88), dtype=np.uint32)
    drone = np.zeros((100, 88), np.uint32)
    drone[:, 40] = ALL
    silence = np.zeros((100, 88), np.uint32)
    pieces = [moving, drone, moving, silence, moving]
    cut, num_cut = cut_still(np.concatenate(pieces))
    assert num_cut == 350 - len(cut)
    assert 180 < num_cut < 198
    assert (cut[:50] == moving).all()
    assert (cut[-50:] == moving).all()
    repeated = np.tile(moving[:1], (100, 1))
    assert cut_still(repeated)[1] == 0
    assert cut_still(silence[:0])[1] == 0
    assert cut_still(drone[:LONGEST_STILL_QUARTERS])[1] == 0
