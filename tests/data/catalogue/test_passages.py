"""Only the passages that hold a progression are trained on: cut by piece, and nothing runs over a cut."""

from pathlib import Path

import numpy as np
import pytest

from musicgen.compat.bachsformer import BachsformerGrid
from musicgen.data.batches.codes import CodeWindows, PieceCodes
from musicgen.data.catalogue.music_filter import MusicFilter
from musicgen.data.catalogue.passages import Span, joined
from musicgen.data.catalogue.piece_filter import PieceFilter
from musicgen.data.prepare import Prepared, prepare
from musicgen.data.sources.folder import Folder
from musicgen.music.grid import ClockGrid, Grid, to_packed
from musicgen.music.midi import read_midi, write_midi
from musicgen.pipeline.reuse.inputs import data_inputs
from tests.data.catalogue.test_music_filter import chords

SONG = ["I", "V", "vi", "IV"]
AROUND = ["I", "IV", "V"]
NAMES = [f"song {number}" for number in range(8)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give eight pieces with the progression at quarters 24 and 62, and one without it."""
    root = tmp_path_factory.mktemp("passages") / "music"
    root.mkdir()
    for number, name in enumerate(NAMES):
        degrees = AROUND * 4 + SONG + AROUND * 5 + SONG + AROUND * 4 + ["I"]
        write_midi(chords(degrees, tonic=number), root / f"{name}.mid")
    write_midi(chords(["I", "IV", "V", "I"] * 4, tonic=0), root / "plain.mid")
    return root


def prepared(folder: Path, *, quarters: int | None = 16, grid: Grid | None = None) -> Prepared:
    cache = folder.parent / "cache"
    music = MusicFilter(progression=SONG, passage_quarters=quarters)
    return prepare(
        Folder(folder), grid or ClockGrid(), choice=PieceFilter(music=music), cache_dir=cache,
        val_fraction=0.25, test_fraction=0.25, num_workers=1,
    )  # fmt: skip


def test_the_packs_hold_the_passages_of_their_pieces_and_nothing_else(folder: Path) -> None:
    cut = prepared(folder)

    assert [piece.title for piece in cut.pieces] == NAMES
    assert set(cut.spans.values()) == {(Span(20, 36), Span(58, 74))}
    for pack in cut.splits.values():
        for number, piece in enumerate(pack.pieces):
            whole, span = to_packed(read_midi(piece.path)), cut.spans[piece.content][number % 2]
            assert np.array_equal(pack.piece(number), whole[span.start : span.stop])


def test_the_split_is_by_piece_and_as_it_is_of_whole_pieces(folder: Path) -> None:
    cut, whole = prepared(folder), prepared(folder, quarters=None)

    for name, pack in cut.splits.items():
        of_whole = [piece.content for piece in whole.splits[name].pieces]
        assert [piece.content for piece in pack.pieces] == [one for one in of_whole for _ in range(2)]


def test_windows_stay_within_their_passage(folder: Path) -> None:
    pack = prepared(folder).splits["train"]
    ids = np.repeat(np.arange(len(pack.pieces)), np.diff(pack.starts))[:, None]
    windows = CodeWindows(PieceCodes(ids, starts=pack.starts), window_quarters=12, hop_quarters=4)

    batch = windows.__getitems__(range(len(windows)))

    assert len(windows) == 2 * len(pack.pieces)
    assert all(len(set(row[mask].tolist())) == 1 for row, mask in zip(batch.targets, batch.mask, strict=True))


def test_the_summary_counts_passages_and_their_quarters(folder: Path) -> None:
    cut = prepared(folder)

    found = cut.summary["passages"]
    assert (found["passages"], found["quarters"]) == (16, 256)
    assert {name: one["quarters"] for name, one in found["splits"].items()} == {
        name: len(pack) for name, pack in cut.splits.items()
    }
    assert "passages" not in prepared(folder, quarters=None).summary


def test_a_stage_of_other_passages_is_another_stage(folder: Path) -> None:
    of = [data_inputs(prepared(folder, quarters=quarters), grid={}) for quarters in (16, 17, None)]

    assert len({str(one) for one in of}) == 3


def test_long_passages_are_joined_and_short_pieces_taken_whole(folder: Path) -> None:
    everything = prepared(folder, quarters=1000)

    (spans,) = set(everything.spans.values())
    assert len(spans) == 1
    assert len(spans[0]) == len(to_packed(read_midi(everything.pieces[0].path)))


@pytest.mark.parametrize(
    ("span", "to", "expected"),
    [
        (Span(10, 14), 4, Span(10, 14)),
        (Span(10, 14), 8, Span(8, 12 + 4)),
        (Span(10, 14), 7, Span(9, 16)),
        (Span(1, 3), 10, Span(0, 10)),
        (Span(38, 40), 10, Span(30, 40)),
        (Span(0, 2), 99, Span(0, 40)),
    ],
)
def test_a_span_is_widened_to_both_sides_within_its_piece(span: Span, to: int, expected: Span) -> None:
    assert span.widened(to=to, within=40) == expected


def test_spans_that_overlap_or_touch_are_one() -> None:
    assert joined([Span(8, 10), Span(0, 4), Span(4, 6), Span(9, 12)]) == (Span(0, 6), Span(8, 12))


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"passage_quarters": 16}, r"passage_quarters=16, but no progression.*progression=\[I,V,vi,IV\]"),
        ({"passage_quarters": 0, "progression": SONG}, "passage_quarters=0 is no length; give 1 or more"),
    ],
)
def test_passages_of_nothing_are_refused(asked: dict, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        MusicFilter(**asked)


def test_another_grid_has_other_quarters(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"bachsformer.*use grid=clock"):
        prepared(folder, grid=BachsformerGrid())
