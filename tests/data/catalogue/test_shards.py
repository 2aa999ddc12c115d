import json
from pathlib import Path

import numpy as np
import pytest

from musicgen.data.catalogue.piece_filter import PieceFilter
from musicgen.data.catalogue.shards import Shard
from musicgen.data.prepare import Prepared, prepare, prepare_shard
from musicgen.data.sources.folder import Folder
from musicgen.data.store.cache import PieceCache
from musicgen.music.grid import ClockGrid

COUNT = 3


def read_shard(folder: Path, cache: Path, index: int, **choice):
    return prepare_shard(
        Folder(folder, cache_dir=cache),
        ClockGrid(),
        shard=Shard(index, COUNT),
        choice=PieceFilter(**choice),
        cache_dir=cache,
        progress=False,
    )


def join(folder: Path, cache: Path) -> Prepared:
    return prepare(
        Folder(folder, cache_dir=cache),
        ClockGrid(),
        choice=PieceFilter(),
        cache_dir=cache,
        val_fraction=0.25,
        progress=False,
    )


def assert_same(one: Prepared, other: Prepared) -> None:
    assert one.summary == other.summary
    assert one.pieces == other.pieces
    for name, pieces in one.splits.items():
        assert np.array_equal(pieces.packed, other.splits[name].packed)


def test_every_file_is_in_one_shard() -> None:
    paths = [Path(f"folder/Früh, {number}\udce9.mid") for number in range(1000)]
    held = [[shard for shard in range(7) if Shard(shard, 7).holds(path)] for path in paths]

    assert all(len(shards) == 1 for shards in held)
    counts = np.bincount([shards[0] for shards in held])
    assert counts.min() > 100


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 0, 1)])
def test_shards_in_any_order_give_what_one_process_gives(order, midi_folder, tmp_path) -> None:
    files = {index: read_shard(midi_folder, tmp_path / "sharded", index).summary["files"] for index in order}

    assert sum(files.values()) == 12
    assert_same(join(midi_folder, tmp_path / "sharded"), join(midi_folder, tmp_path / "whole"))


def test_what_the_shards_have_read_is_not_read_again(midi_folder, tmp_path, monkeypatch) -> None:
    for index in range(COUNT):
        read_shard(midi_folder, tmp_path, index)

    def refuse(*arguments):
        raise AssertionError("read again")

    monkeypatch.setattr(PieceCache, "read_piece", refuse)

    assert len(join(midi_folder, tmp_path).pieces) == 12


def test_a_shard_that_died_is_simply_run_again(midi_folder, tmp_path, monkeypatch) -> None:
    read_shard(midi_folder, tmp_path / "sharded", 0)
    whole, reads = PieceCache.read_piece, []

    def die_at_the_second(self, path, content):
        reads.append(path)
        if len(reads) == 2:
            raise KeyboardInterrupt
        return whole(self, path, content)

    monkeypatch.setattr(PieceCache, "read_piece", die_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        read_shard(midi_folder, tmp_path / "sharded", 1)
    monkeypatch.undo()
    for index in (1, 2):
        read_shard(midi_folder, tmp_path / "sharded", index)

    assert_same(join(midi_folder, tmp_path / "sharded"), join(midi_folder, tmp_path / "whole"))


def test_a_shard_without_the_composer_is_empty_and_no_mistake(midi_folder, tmp_path) -> None:
    shards = [
        read_shard(midi_folder, tmp_path, index, composer="Tester", title="No.3") for index in range(COUNT)
    ]

    assert sorted(one.summary["files"] for one in shards) == [0, 0, 1]


def test_a_sample_by_content_is_not_to_be_had_from_a_shard(midi_folder, tmp_path) -> None:
    with pytest.raises(ValueError, match="max_pieces=3 is chosen by the content of all files"):
        read_shard(midi_folder, tmp_path, 0, max_pieces=3)


@pytest.mark.parametrize("text", ["3", "a/b", "4/4", "0/0", "-1/4", ""])
def test_what_is_no_shard_is_refused(text) -> None:
    with pytest.raises(ValueError, match=r"use i/n|the shards are numbered"):
        Shard.parse(text)


def test_a_sweep_over_shards_ends_with_one_summary(musicgen, midi_folder, tmp_path) -> None:
    data = ["data=folder", f"data.root={midi_folder}", "data.num_workers=1"]
    musicgen("prepare", "-m", "shard=0/2,1/2", *data, "data.cache_dir=sharded", "hydra.sweep.dir=sweep")
    musicgen("prepare", *data, "data.cache_dir=whole", "hydra.run.dir=whole_run")
    joined, whole, first, second = (
        json.loads((tmp_path / folder / "summary.json").read_text())
        for folder in ("sweep", "whole_run", "sweep/0", "sweep/1")
    )

    assert joined == whole
    assert first["files"] + second["files"] == whole["files"]
    assert first["shard"] == "0/2"
