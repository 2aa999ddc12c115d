import itertools
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from musicgen.data.batches.slices import SliceBatch, SliceDataset
from musicgen.data.catalogue.pieces import Piece
from musicgen.data.sources.folder import Folder
from musicgen.data.store.cache import PieceCache
from musicgen.data.store.packed import PackedPieces
from musicgen.data.store.packing import open_pack
from musicgen.data.store.reading import read_pieces
from musicgen.music.grid import ClockGrid
from musicgen.music.midi import write_midi
from musicgen.music.packing import SliceLayout, packed_onsets, unpack
from tests.conftest import notes


@pytest.fixture(scope="module")
def folder(pieces_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def pack_of(pieces_folder: Path, folder: Path) -> PackedPieces:
    pieces = Folder(pieces_folder).pieces()
    cache = PieceCache(folder, ClockGrid())
    return open_pack(pieces, read_pieces(pieces, cache=cache), cache=cache)


NAMELESS = Piece(Path("a.mid"), "0" * 64, "A B", "B", "T", "unknown")


def random_packed(lengths: list[int], seed: int) -> PackedPieces:
    packed = np.random.default_rng(seed).integers(0, 2**32, size=(sum(lengths), 88), dtype=np.uint32)
    return PackedPieces(packed, starts=np.cumsum([0, *lengths]), pieces=[NAMELESS] * len(lengths))


def test_a_pack_holds_the_pieces_in_their_order(pieces_folder: Path, folder: Path):
    pack = pack_of(pieces_folder, folder)
    for number, piece in enumerate(Folder(pieces_folder).pieces()):
        assert np.array_equal(pack.piece(number), ClockGrid().read(piece.path).packed)
    assert len(pack) == pack.starts[-1]
    assert np.array_equal(np.concatenate(list(pack.blocks(7))), pack.packed)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=6), st.integers(0, 99), st.data())
@settings(max_examples=50)
def test_a_batch_is_the_grids_own_cells_and_onsets(lengths: list[int], seed: int, data: st.DataObject):
    pack = random_packed(lengths, seed)
    index = np.array(data.draw(st.lists(st.integers(0, len(pack) - 1), min_size=1, max_size=9)))
    onsets = np.concatenate([packed_onsets(pack.piece(number)) for number in range(len(lengths))])
    batch = pack.gather(index, channels=2)
    assert batch.dtype == torch.uint8
    assert batch.shape == (len(index), 2, 88, 32)
    assert np.array_equal(batch[:, 0].numpy(), unpack(pack.packed[index]))
    assert np.array_equal(batch[:, 1].numpy(), unpack(onsets[index]))
    assert torch.equal(pack.gather(index), batch[:, :1])


def test_a_held_note_has_no_onset_in_the_next_quarter_but_a_new_piece_has():
    packed = np.zeros((4, 88), np.uint32)
    packed[:, 40] = 0xFFFFFFFF
    pack = PackedPieces(packed, starts=np.array([0, 2, 4]), pieces=[NAMELESS, NAMELESS])
    onsets = pack.gather(np.arange(4), channels=2)[:, 1]
    assert onsets.sum(dim=(1, 2)).tolist() == [1, 0, 1, 0]
    assert onsets[0, 40, 0] == onsets[2, 40, 0] == 1
    assert pack.before(np.arange(4))[:, 40].tolist() == [0, 1, 0, 1]
    assert pack.before(np.arange(4)).sum() == 2


def test_channels_are_one_or_two():
    pack = random_packed([3], 0)
    with pytest.raises(ValueError, match="channels=3"):
        pack.gather(np.array([0]), channels=3)
    with pytest.raises(ValueError, match="channels=0"):
        SliceDataset(pack, channels=0)


def test_a_data_set_fetches_batches_and_single_slices(pieces_folder: Path, folder: Path):
    pack = pack_of(pieces_folder, folder)
    slices = SliceDataset(pack, channels=2)
    assert len(slices) == len(pack)
    batch, last = slices.__getitems__([5, 3]), slices.__getitems__([3])
    assert torch.equal(batch.slices, pack.gather(np.array([5, 3]), channels=2))
    assert torch.equal(slices[3].slices, last.slices[0])
    assert torch.equal(slices[3].before, last.before[0])


def test_pickling_passes_the_path_not_the_music(pieces_folder: Path, folder: Path):
    pack = pack_of(pieces_folder, folder)
    data = pickle.dumps(pack)
    assert len(data) < pack.packed.nbytes / 4
    assert np.array_equal(pickle.loads(data).packed, pack.packed)  # noqa: S301 (our own bytes)
    loose = random_packed([2, 3], 1)
    assert np.array_equal(pickle.loads(pickle.dumps(loose)).packed, loose.packed)  # noqa: S301


def test_a_pack_is_made_once(pieces_folder: Path, folder: Path):
    path = pack_of(pieces_folder, folder).path
    assert path is not None
    before = path.stat().st_mtime_ns
    assert pack_of(pieces_folder, folder).path == path
    assert path.stat().st_mtime_ns == before


@pytest.mark.parametrize("damage", ["flip", "truncate", "extend", "empty"])
def test_a_damaged_pack_is_found_and_made_again(
    pieces_folder: Path, folder: Path, damage: str, caplog: pytest.LogCaptureFixture
):
    path = pack_of(pieces_folder, folder).path
    assert path is not None
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 3] ^= 4
    path.write_bytes({"flip": flipped, "truncate": whole[:-5], "extend": whole + b"x", "empty": b""}[damage])
    assert pack_of(pieces_folder, folder).path == path
    assert path.read_bytes() == whole
    assert "damaged" in caplog.text


def test_a_damaged_entry_is_made_again_while_packing(pieces_folder: Path, tmp_path: Path):
    pack = pack_of(pieces_folder, tmp_path)
    assert pack.path is not None
    whole = pack.path.read_bytes()
    pack.path.unlink()
    entry = next((tmp_path / "entries").rglob("*.slices"))
    data = bytearray(entry.read_bytes())
    data[-10] ^= 1
    entry.write_bytes(data)
    assert pack_of(pieces_folder, tmp_path).path is not None
    assert pack.path.read_bytes() == whole


def test_a_damaged_entry_whose_file_is_gone_is_an_error(tmp_path: Path, write_piece):
    folder = tmp_path / "music"
    write_piece(folder / "a.mid")
    pieces, cache = Folder(folder).pieces(), PieceCache(tmp_path, ClockGrid())
    facts = read_pieces(pieces, cache=cache)
    os.truncate(cache.path_of(pieces[0].content), 50)
    pieces[0].path.unlink()
    with pytest.raises(OSError, match=r"a\.mid was damaged"):
        open_pack(pieces, facts, cache=cache)
    assert list((tmp_path / "packs").rglob("*.words")) == []


def test_no_pieces_are_an_empty_pack(tmp_path: Path):
    pack = open_pack([], {}, cache=PieceCache(tmp_path, ClockGrid()))
    assert len(pack) == 0
    assert pack.pieces == []


def test_large_packs_let_go_of_what_they_touched(pieces_folder: Path, folder: Path, monkeypatch):
    pack = pack_of(pieces_folder, folder)
    expected = pack.gather(np.arange(len(pack)))
    both = pack.gather(np.arange(len(pack)), channels=2)
    monkeypatch.setattr("musicgen.files.mapped._STAYS_WHOLE_BYTES", 0)
    monkeypatch.setattr("musicgen.files.mapped._RESIDENT_BYTES", 3000)
    monkeypatch.setattr("musicgen.files.mapped._BYTES_A_FAULT", 1000)
    view = pack.piece(0)
    for _ in range(3):
        assert torch.equal(pack.gather(np.arange(len(pack))), expected)
        assert torch.equal(pack.gather(np.arange(len(pack)), channels=2), both)
    assert np.array_equal(view, ClockGrid().read(Folder(pieces_folder).pieces()[0].path).packed)


@pytest.mark.parametrize("ticks", [8, 12, 24, 32])
def test_a_coarse_layout_takes_one_cell_of_each_tick(pieces_folder: Path, ticks: int):
    grid = ClockGrid(ticks=ticks)
    packed = grid.read(Folder(pieces_folder).pieces()[0].path).packed
    pack = PackedPieces(packed, starts=np.array([0, len(packed)]), pieces=[NAMELESS])
    batch = SliceBatch.of(pack, np.arange(len(packed)), channels=2, layout=SliceLayout(ticks=ticks))
    assert batch.slices.shape == (len(packed), 2, 88, ticks)
    edges = np.rint(np.arange(ticks + 1) * 32 / ticks).astype(int)
    for tick, (start, stop) in enumerate(itertools.pairwise(edges)):
        fine = unpack(packed)[..., start:stop]
        assert np.array_equal(batch.slices[:, 0, :, tick].numpy(), fine.any(axis=-1))
    assert batch.slices[:, 1].sum() == unpack(packed_onsets(packed)).sum()


def test_pieces_of_a_grid_with_triplets_are_read_on_their_thirds(tmp_path: Path):
    study = notes([(60, 0, 1 / 3), (62, 1 / 3, 2 / 3), (64, 2 / 3, 1), (65, 1, 1.25)])
    write_midi(study, tmp_path / "study.mid")
    read, paths = {}, set()
    for ticks in (8, 12):
        pieces, cache = Folder(tmp_path).pieces(), PieceCache(tmp_path / "cache", ClockGrid(ticks=ticks))
        pack = open_pack(pieces, read_pieces(pieces, cache=cache), cache=cache)
        paths.add(pack.path)
        for held in (pack, pickle.loads(pickle.dumps(pack))):  # noqa: S301
            read[ticks] = held.performance(0)
            assert held.ticks == ticks
    assert len(paths) == 2
    for times in ("onset_quarters", "offset_quarters"):
        np.testing.assert_array_equal(getattr(read[12], times), getattr(study, times))
        assert np.abs(getattr(read[8], times) - getattr(study, times)).max() > 0.03
