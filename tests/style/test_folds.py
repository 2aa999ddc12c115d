"""Every piece is held out once, and its twins with it."""

from pathlib import Path

import pytest

from musicgen.data.batches.clips import PieceCounts
from musicgen.data.catalogue.pieces import Piece
from musicgen.music.grid import to_packed
from musicgen.style.folds import fold_of, half_of
from tests.conftest import etude


@pytest.fixture(scope="module")
def pieces() -> list[PieceCounts]:
    """Count one study as sixteen pieces whose contents lie all over the line of hashes."""
    packed = to_packed(etude(0, num_quarters=64))
    contents = [f"{(number * 0x2AAAAAAA) % 2**32:08x}" + "0" * 56 for number in range(16)]
    names = ("Chopin", "Chopin", "", "romantic")
    return [PieceCounts.of(Piece(Path("a.mid"), content, *names), packed) for content in contents]


def test_folds_hold_every_piece_out_once_and_never_train_on_it(pieces):
    held = []
    for fold in range(5):
        train, held_out = fold_of(pieces, fold=fold)
        assert not {id(one) for one in train} & {id(one) for one in held_out}
        held += held_out
    assert sorted(id(one) for one in held) == sorted(id(one) for one in pieces)
    with pytest.raises(ValueError, match="use any of 0 to 4"):
        fold_of(pieces, fold=5)


def test_twins_fall_into_one_fold_and_one_half(pieces):
    contents = [one.piece.content for one in pieces]
    groups = dict.fromkeys(contents[:4], contents[0])
    for fold in range(5):
        train, _ = fold_of(pieces, fold=fold, groups=groups)
        assert sum(one in train for one in pieces[:4]) in (0, 4)
    halves = [half_of(pieces, half=half, groups=groups) for half in (0, 1)]
    assert sorted(map(id, [*halves[0], *halves[1]])) == sorted(map(id, pieces))
    assert sum(one in halves[0] for one in pieces[:4]) in (0, 4)
    assert half_of(pieces, half=None) == pieces
    with pytest.raises(ValueError, match="leaves none to learn from"):
        half_of(pieces[:1], half=1 - (pieces[0] in halves[1]))
