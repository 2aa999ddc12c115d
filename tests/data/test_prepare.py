import csv
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from musicgen.data.catalogue import content_hashes
from musicgen.data.catalogue.content_hashes import catalogue_path
from musicgen.data.catalogue.piece_filter import PieceFilter
from musicgen.data.prepare import Prepared, prepare, write_summary
from musicgen.data.sources.folder import Folder
from musicgen.data.sources.giantmidi import GiantMidi
from musicgen.data.store import cache as cache_module
from musicgen.files.workers import num_processes, run_tasks
from musicgen.music.grid import ClockGrid


def prepared(folder: Path, cache_dir: Path, **settings) -> Prepared:
    choice = settings.pop("choice", PieceFilter())
    source = Folder(folder, cache_dir=cache_dir)
    return prepare(source, ClockGrid(), choice=choice, cache_dir=cache_dir, progress=False, **settings)


def files_below(folder: Path) -> dict[str, bytes]:
    """Read what is cached; tables aside, whose pages are not in the same order each time."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".sqlite"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_the_summary_counts_files_pieces_quarters_and_notes(pieces_folder: Path, tmp_path: Path):
    done = prepared(pieces_folder, tmp_path / "cache")
    drawn = [ClockGrid().read(piece.path) for piece in done.pieces]
    summary = done.summary
    assert (summary["files"], summary["pieces"], summary["skipped"]) == (30, 30, 0)
    assert summary["quarters"] == sum(len(one.packed) for one in drawn)
    assert summary["notes"] == sum(one.num_notes for one in drawn)
    assert summary["by_era"] == {"baroque": 10, "romantic": 10, "unknown": 10}
    assert summary["by_composer"] == {"Bach": 10, "Chopin": 10, "Nobody": 10}
    assert set(summary["reader"]) >= {"unmatched_note_offs", "unclosed_notes", "drum_notes"}
    assert sum(split["pieces"] for split in summary["splits"].values()) == 30
    for name, split in summary["splits"].items():
        assert split["quarters"] == len(done.splits[name])


def test_held_out_pieces_are_not_trained_on(pieces_folder: Path, tmp_path: Path):
    # The original's transformer had no held-out split, and chose its best weights by training data.
    done = prepared(pieces_folder, tmp_path, val_fraction=0.3, test_fraction=0.2)
    sides = {name: {piece.content for piece in split.pieces} for name, split in done.splits.items()}
    assert not sides["train"] & sides["val"]
    assert not sides["train"] & sides["test"]
    assert not sides["val"] & sides["test"]
    assert set.union(*sides.values()) == {piece.content for piece in done.pieces}


def test_byte_copies_count_once_and_lie_on_one_side_of_the_split(pieces_folder: Path, tmp_path: Path):
    folder = tmp_path / "music"
    shutil.copytree(pieces_folder, folder)
    for path in sorted(pieces_folder.iterdir())[::2]:
        shutil.copy(path, folder / f"Zimmer, Copy, {path.name}")
    done = prepared(folder, tmp_path / "cache", val_fraction=0.3, test_fraction=0.3)
    contents = [piece.content for split in done.splits.values() for piece in split.pieces]
    assert (done.summary["files"], done.summary["pieces"]) == (45, 30)
    assert len(contents) == len(set(contents)) == 30
    assert not any(piece.surname == "Zimmer" for piece in done.pieces)


def test_adding_pieces_moves_none(pieces_folder: Path, tmp_path: Path, write_piece):
    folder = tmp_path / "music"
    shutil.copytree(pieces_folder, folder)
    before = prepared(folder, tmp_path / "cache", val_fraction=0.2, test_fraction=0.2)
    for seed in range(100, 120):
        write_piece(folder / f"{seed}.mid", seed=seed)
    after = prepared(folder, tmp_path / "cache", val_fraction=0.2, test_fraction=0.2)
    for name in before.splits:
        old = {piece.content for piece in before.splits[name].pieces}
        assert old <= {piece.content for piece in after.splits[name].pieces}


def test_unreadable_files_are_skipped_listed_and_counted(
    pieces_folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    folder = tmp_path / "music"
    shutil.copytree(pieces_folder, folder)
    (folder / "broken, ünï.mid").write_bytes(b"MThd")
    (folder / "empty.mid").write_bytes(b"")
    (folder / "gone.mid").symlink_to(tmp_path / "nowhere.mid")
    done = prepared(folder, tmp_path / "cache")
    write_summary(done, tmp_path / "out")
    assert (done.summary["files"], done.summary["pieces"], done.summary["skipped"]) == (33, 30, 3)
    with (tmp_path / "out" / "skipped.csv").open(encoding="utf-8") as table:
        rows = list(csv.DictReader(table))
    assert [Path(row["path"]).name for row in rows] == ["broken, ünï.mid", "empty.mid", "gone.mid"]
    assert all(row["reason"] for row in rows)
    assert json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8")) == done.summary
    assert "3 of 33 files skipped" in caplog.text


def test_a_file_that_vanishes_between_listing_and_reading_is_skipped(pieces_folder: Path, tmp_path: Path):
    folder = tmp_path / "music"
    shutil.copytree(pieces_folder, folder)

    class Vanishing(Folder):
        def pieces(self):
            listed = super().pieces()
            listed[3].path.unlink()
            return listed

    source = Vanishing(folder)
    settings = {"choice": PieceFilter(), "cache_dir": tmp_path / "cache", "progress": False}
    done = prepare(source, ClockGrid(), **settings)
    assert done.summary["skipped"] == 1
    assert "No such file" in done.skipped[0].reason


def test_no_readable_file_at_all_is_an_error(tmp_path: Path):
    (tmp_path / "a.mid").write_bytes(b"no")
    with pytest.raises(ValueError, match=r"none of the 1 chosen files.*not a MIDI file"):
        prepared(tmp_path, tmp_path / "cache")


def test_a_small_choice_holds_out_one_piece_and_says_so(
    tmp_path: Path, write_piece, caplog: pytest.LogCaptureFixture
):
    for seed in range(3):
        write_piece(tmp_path / "music" / f"{seed}.mid", seed=seed)
    done = prepared(tmp_path / "music", tmp_path / "cache", val_fraction=0.001, test_fraction=0.0)
    done.require("train", "val")
    assert list(done.summary["moved_between_splits"].values()) == ["val"]
    assert "moved to val" in caplog.text


def test_a_single_piece_cannot_be_trained_on_and_held_out(tmp_path: Path, write_piece):
    write_piece(tmp_path / "music" / "a.mid")
    done = prepared(tmp_path / "music", tmp_path / "cache")
    with pytest.raises(ValueError, match="1 pieces in all"):
        done.require("train", "val")


def test_asking_for_no_held_out_pieces_is_told_when_training_needs_them(pieces_folder: Path, tmp_path: Path):
    done = prepared(pieces_folder, tmp_path, val_fraction=0.0)
    done.require("train")
    with pytest.raises(ValueError, match=r"val split.*30 pieces.*val_fraction=0\.1"):
        done.require("train", "val")


def test_bad_settings_fail_before_any_work(pieces_folder: Path, tmp_path: Path):
    with pytest.raises(ValueError, match="sum below 1"):
        prepared(pieces_folder, tmp_path / "cache", val_fraction=0.9, test_fraction=0.2)
    with pytest.raises(ValueError, match="val_fraction=nan"):
        prepared(pieces_folder, tmp_path / "cache", val_fraction=float("nan"))
    with pytest.raises(ValueError, match="num_workers=-1"):
        prepared(pieces_folder, tmp_path / "cache", num_workers=-1)
    assert not (tmp_path / "cache" / "pieces").exists()


def test_a_warm_start_reads_no_piece(pieces_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = tmp_path / "music"
    shutil.copytree(pieces_folder, folder)
    for path in folder.iterdir():
        os.utime(path, (0, 0))
    first = prepared(folder, tmp_path / "cache")

    def refuse(*arguments: object) -> None:
        raise AssertionError(f"{arguments} was read")

    monkeypatch.setattr(content_hashes, "hash_file", refuse)
    monkeypatch.setattr(cache_module, "_read_entry", refuse)
    again = prepared(folder, tmp_path / "cache")
    assert again.summary == first.summary
    assert np.array_equal(again.splits["train"].packed, first.splits["train"].packed)


def test_damage_anywhere_in_the_cache_is_mended(pieces_folder: Path, tmp_path: Path):
    first = prepared(pieces_folder, tmp_path)
    whole = files_below(tmp_path)
    for path in [catalogue_path(tmp_path), *(tmp_path / name for name in whole)]:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    again = prepared(pieces_folder, tmp_path)
    assert again.summary == first.summary
    assert files_below(tmp_path) == whole


def prepare_in_process(folder: Path, cache_dir: Path, start: float) -> dict:
    time.sleep(max(0.0, start - time.time()))
    return prepared(folder, cache_dir).summary


def test_several_processes_may_prepare_the_same_pieces_at_once(pieces_folder: Path, tmp_path: Path):
    alone = prepared(pieces_folder, tmp_path / "alone")
    context = multiprocessing.get_context("fork")
    with context.Pool(3) as pool:
        task = (pieces_folder, tmp_path / "shared", time.time() + 0.3)
        summaries = pool.starmap(prepare_in_process, [task] * 3)
    assert summaries == [alone.summary] * 3
    assert files_below(tmp_path / "shared") == files_below(tmp_path / "alone")


@pytest.mark.slow
def test_worker_processes_give_what_one_process_gives(tmp_path: Path, write_piece, monkeypatch):
    monkeypatch.setattr("musicgen.data.store.reading._FILES_WORTH_A_POOL", 10)
    for seed in range(60):
        write_piece(tmp_path / "music" / f"{seed}.mid", seed=seed, num_quarters=2)
    one = prepared(tmp_path / "music", tmp_path / "one", num_workers=1)
    two = prepared(tmp_path / "music", tmp_path / "two", num_workers=2)
    assert one.summary == two.summary
    assert files_below(tmp_path / "one") == files_below(tmp_path / "two")


def die_on_seven(number: int) -> int:
    if number == 7 and multiprocessing.parent_process() is not None:
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


@pytest.mark.slow
def test_what_a_killed_worker_leaves_is_done_all_the_same(caplog: pytest.LogCaptureFixture):
    assert list(run_tasks(die_on_seven, range(20), processes=2)) == [n * n for n in range(20)]
    assert "worker process died" in caplog.text


def test_few_tasks_start_no_processes():
    assert num_processes(4, num_tasks=10, worth_a_pool=200) == 1
    assert num_processes(4, num_tasks=300, worth_a_pool=200) == 4
    assert num_processes(0, num_tasks=300, worth_a_pool=200) == 1


KILLED = """
import sys
from musicgen.data.catalogue import content_hashes
from musicgen.data.catalogue.piece_filter import PieceFilter
from musicgen.data.catalogue.content_hashes import catalogue_path
from musicgen.data.sources.folder import Folder
from musicgen.data.prepare import prepare
from musicgen.music.grid import ClockGrid
prepare(Folder(sys.argv[1]), ClockGrid(), choice=PieceFilter(), cache_dir=sys.argv[2], progress=False)
"""


@pytest.mark.gate
@pytest.mark.faults
def test_a_killed_preparation_leaves_nothing_wrong(tmp_path: Path, write_piece):
    for seed in range(150):
        write_piece(tmp_path / "music" / f"{seed}.mid", seed=seed, num_quarters=60)
    expected = prepared(tmp_path / "music", tmp_path / "alone")
    for delay in np.linspace(0.05, 1.0, 10):
        process = subprocess.Popen([sys.executable, "-c", KILLED, tmp_path / "music", tmp_path / "cache"])
        time.sleep(delay)
        process.kill()
        process.wait()
    done = prepared(tmp_path / "music", tmp_path / "cache")
    assert done.summary == expected.summary
    for name, split in expected.splits.items():
        assert np.array_equal(done.splits[name].packed, split.packed)


@pytest.mark.gate
def test_real_files_are_prepared_without_a_skip(giantmidi_root: Path, tmp_path: Path):
    paths = sorted(giantmidi_root.glob("*.mid"))[::6]
    (tmp_path / "music").mkdir()
    for path in paths:
        (tmp_path / "music" / path.name).symlink_to(path)
    source = GiantMidi(tmp_path / "music", cache_dir=tmp_path)
    done = prepare(source, ClockGrid(), choice=PieceFilter(), cache_dir=tmp_path, progress=False)
    assert (done.summary["files"], done.summary["skipped"]) == (len(paths), 0)
    assert sum(done.summary["by_era"].values()) == len(paths)
    assert set(done.summary["by_era"]) == {"baroque", "classical", "romantic"}
    assert done.summary["notes"] > 2_500_000 / 10
    done.require("train", "val", "test")


@pytest.mark.long
def test_the_857_files_are_prepared_without_a_skip(giantmidi_root: Path, tmp_path: Path):
    source = GiantMidi(giantmidi_root, cache_dir=tmp_path)
    done = prepare(source, ClockGrid(), choice=PieceFilter(), cache_dir=tmp_path, progress=False)
    assert (done.summary["files"], done.summary["pieces"], done.summary["skipped"]) == (857, 834, 0)
    assert done.summary["by_era"] == {"baroque": 189, "classical": 211, "romantic": 457}
    assert done.summary["notes"] > 2_500_000
    done.require("train", "val", "test")
