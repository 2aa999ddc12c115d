import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from musicgen.data.batches.codes import CodeWindows, PieceCodes
from musicgen.data.catalogue.pieces import Piece
from musicgen.data.store.code_cache import CodeCache
from musicgen.data.store.packed import PackedPieces

NAMELESS = Piece(Path("a.mid"), "0" * 64, "A B", "B", "T", "unknown")
LENGTHS = (7, 5)
CODES = np.random.default_rng(0).integers(0, 16, size=(sum(LENGTHS), 4))


@pytest.fixture
def pack(tmp_path: Path) -> PackedPieces:
    path = tmp_path / "packs" / "abc.words"
    path.parent.mkdir()
    np.zeros((sum(LENGTHS), 88), "<u4").tofile(path)
    return PackedPieces.map(path, starts=np.cumsum([0, *LENGTHS]), pieces=[NAMELESS] * len(LENGTHS))


class Encoder:
    """Gives the codes in two blocks, and counts how often it is asked."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> Iterator[np.ndarray]:
        self.calls += 1
        yield CODES[:5]
        yield CODES[5:]


def ask(cache: CodeCache, pack: PackedPieces, encode: Encoder, *, encoder: str = "weights") -> PieceCodes:
    return cache.codes(pack, encoder=encoder, num_codes=4, encode=encode)


def test_codes_are_encoded_once_and_mapped(tmp_path: Path, pack: PackedPieces):
    encode = Encoder()
    first = ask(CodeCache(tmp_path / "codes", made_by="us"), pack, encode)
    again = ask(CodeCache(tmp_path / "codes", made_by="us"), pack, encode)
    assert encode.calls == 1
    assert isinstance(again.codes, np.memmap)
    for codes in (first, again):
        assert np.array_equal(codes.codes, CODES)
        assert np.array_equal(codes.starts, pack.starts)


@pytest.mark.parametrize("other", [{"made_by": "others"}, {"encoder": "other weights"}])
def test_other_weights_and_other_code_have_other_codes(
    tmp_path: Path, pack: PackedPieces, other: dict[str, str]
):
    encode = Encoder()
    ask(CodeCache(tmp_path, made_by="us"), pack, encode)
    settings = {"made_by": "us", "encoder": "weights"} | other
    ask(CodeCache(tmp_path, made_by=settings["made_by"]), pack, encode, encoder=settings["encoder"])
    assert encode.calls == 2
    assert len(list(tmp_path.glob("*.codes"))) == 2


@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_damaged_codes_are_made_again(
    tmp_path: Path, pack: PackedPieces, damage: str, caplog: pytest.LogCaptureFixture
):
    encode, cache = Encoder(), CodeCache(tmp_path / "codes", made_by="us")
    ask(cache, pack, encode)
    [path] = (tmp_path / "codes").iterdir()
    data = bytearray(path.read_bytes())
    data[3] ^= 1
    path.write_bytes(data if damage == "flipped" else data[:-1])
    assert np.array_equal(ask(cache, pack, encode).codes, CODES)
    assert encode.calls == 2
    assert "made again" in caplog.text
    ask(cache, pack, encode)
    assert encode.calls == 2


def test_a_folder_that_cannot_be_written_costs_memory_only(
    tmp_path: Path,
    pack: PackedPieces,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
):
    def full(path: Path, blocks: Iterator[np.ndarray], *, magic: bytes) -> None:
        next(blocks)
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("musicgen.data.store.code_cache.write_checked", full)
    codes = ask(CodeCache(tmp_path / "codes", made_by="us"), pack, Encoder())
    assert np.array_equal(codes.codes, CODES)
    assert "codes are kept in memory" in caplog.text


def test_what_was_not_asked_for_longest_makes_room(tmp_path: Path, pack: PackedPieces):
    encode, folder = Encoder(), tmp_path / "codes"
    roomy = CodeCache(folder, made_by="us")
    held = ask(roomy, pack, encode, encoder="0")
    [first] = folder.iterdir()
    size = first.stat().st_size
    ask(roomy, pack, encode, encoder="1")
    [second] = set(folder.iterdir()) - {first}
    for age, path in ((100, first), (50, second)):
        os.utime(path, (path.stat().st_atime, path.stat().st_mtime - age))
    ask(roomy, pack, encode, encoder="0")  # asked for again: the second one is the older now
    ask(CodeCache(folder, made_by="us", max_bytes=2 * size), pack, encode, encoder="2")
    assert first.exists()
    assert not second.exists()
    assert len(list(folder.iterdir())) == 2
    assert np.array_equal(held.codes, CODES)


def test_windows_of_large_codes_let_go_of_what_they_touched(
    tmp_path: Path, pack: PackedPieces, monkeypatch: pytest.MonkeyPatch
):
    codes = ask(CodeCache(tmp_path / "codes", made_by="us"), pack, Encoder())
    expected = CodeWindows(PieceCodes(CODES, pack.starts), window_quarters=3)
    monkeypatch.setattr("musicgen.files.mapped._STAYS_WHOLE_BYTES", 0)
    monkeypatch.setattr("musicgen.files.mapped._RESIDENT_BYTES", 3)
    monkeypatch.setattr("musicgen.files.mapped._BYTES_A_FAULT", 1)
    windows = CodeWindows(codes, window_quarters=3)
    numbers = range(len(expected))
    for _ in range(2):
        found, wanted = windows.__getitems__(numbers), expected.__getitems__(numbers)
        for name in ("inputs", "targets", "mask"):
            assert getattr(found, name).equal(getattr(wanted, name))
