"""Copies of training pieces are told from what real music shares; indexes are made once."""

import logging
from pathlib import Path

import numpy as np
import pytest

from musicgen.data.catalogue.pieces import Piece, distinct
from musicgen.data.catalogue.splitting import split_of
from musicgen.data.sources.folder import Folder
from musicgen.measure.copying.index import CopyIndex
from musicgen.measure.copying.threshold import copy_index, copy_metrics, threshold
from musicgen.measure.music import measure
from musicgen.measure.reference import excerpts_of
from musicgen.music.grid import to_packed
from musicgen.music.midi import read_midi, write_midi
from musicgen.music.notes import Performance
from tests.real_files import one_file_in


def piece(seed: int, *, count: int = 300) -> Performance:
    random = np.random.default_rng(seed)
    onset = np.cumsum(random.choice([0.25, 0.5, 1.0], count))
    return Performance.from_arrays(
        random.integers(40, 90, count),
        onset_s=onset / 2,
        offset_s=onset / 2 + 0.1,
        onset_quarters=onset,
        offset_quarters=onset + 0.2,
    )


@pytest.fixture
def training(tmp_path: Path) -> list[Piece]:
    pieces = []
    for seed in range(4):
        path = tmp_path / f"{seed}.mid"
        write_midi(piece(seed), path)
        pieces.append(Piece(path, f"{seed:064x}", "unknown", "unknown", f"Piece {seed}", "unknown"))
    return pieces


def test_a_planted_piece_is_accused_with_its_source_and_a_new_one_is_not(training: list[Piece]) -> None:
    index = copy_index(training)
    measured = threshold([(f"held out {seed}", piece(seed)) for seed in range(10, 16)], index)
    assert measured is not None
    planted, new = measure([("planted", piece(2).transposed(3)), ("new", piece(20))], index=index)
    assert planted.copy is not None
    assert new.copy is not None
    assert measured.exceeded_by(planted.copy)
    assert Path(planted.copy.source).name == "2.mid"
    assert planted.copy.transposition == 3
    assert not measured.exceeded_by(new.copy)
    metrics = copy_metrics([planted, new], measured)
    assert metrics["generated/copied_pieces"] == 1
    assert metrics["generated/copy_notes_max"] == planted.copy.notes
    assert metrics["real/copy_notes_max"] == measured.longest


def test_a_held_out_piece_that_the_index_holds_is_not_compared_with_itself(training: list[Piece]) -> None:
    index = copy_index(training)
    itself = threshold([(str(training[0].path), read_midi(training[0].path))], index)
    assert itself is not None
    assert itself.longest < 30


def test_an_index_is_made_once_and_again_when_damaged(
    training: list[Piece], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked = piece(1)
    expected = copy_index(training, cache_dir=tmp_path / "cache").longest_copy(asked)
    (kept,) = (tmp_path / "cache" / "copies").iterdir()
    with monkeypatch.context() as patch:
        patch.setattr(CopyIndex, "__init__", lambda *_: pytest.fail("the index was made again"))
        assert copy_index(training, cache_dir=tmp_path / "cache").longest_copy(asked) == expected
    kept.write_bytes(kept.read_bytes()[:100])
    with caplog.at_level(logging.WARNING):
        assert copy_index(training, cache_dir=tmp_path / "cache").longest_copy(asked) == expected
    assert "damaged" in caplog.text
    assert copy_index(training[:3], cache_dir=tmp_path / "cache").names != copy_index(training).names


def test_without_copies_there_are_no_metrics() -> None:
    assert copy_metrics(measure([("new", piece(20))]), None) == {}
    assert threshold([], CopyIndex.from_performances([("a", piece(0))])) is None


@one_file_in(3)
def test_no_excerpt_of_the_test_pieces_of_giantmidi_is_accused(giantmidi_root: Path, one_in: int) -> None:
    pieces = distinct(Folder(giantmidi_root).pieces())[::one_in]
    splits: dict[str, list[Piece]] = {"train": [], "val": [], "test": []}
    for piece in pieces:
        splits[split_of(piece.content, val_fraction=0.1, test_fraction=0.1)].append(piece)
    index = copy_index(splits["train"])
    excerpts = {
        name: [
            (str(piece.path), excerpt)
            for piece in splits[name]
            for excerpt in excerpts_of(to_packed(read_midi(piece.path)), num_quarters=128)
        ]
        for name in ("val", "test")
    }
    measured = threshold(excerpts["val"], index)
    assert measured is not None
    copies = [index.longest_copy(excerpt) for _, excerpt in excerpts["test"]]
    middle, high = np.percentile([copy.notes for copy in copies], [50, 95])
    print(
        f"{measured}; {len(copies)} test excerpts: median {middle:.0f}, 95th percentile {high:.0f}, ", end=""
    )
    print(f"at most {max(copy.notes for copy in copies)}")
    assert not any(measured.exceeded_by(copy) for copy in copies)
