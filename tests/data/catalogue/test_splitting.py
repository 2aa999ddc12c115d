from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicgen.data.catalogue.pieces import Piece
from musicgen.data.catalogue.splitting import hash_position, split_pieces


def pieces_of(names: list[int]) -> list[Piece]:
    return [
        Piece(Path(f"{n}.mid"), sha256(str(n).encode()).hexdigest(), "A B", "B", "T", "unknown")
        for n in names
    ]


@given(st.lists(st.integers(), min_size=2, max_size=12, unique=True))
def test_two_pieces_are_enough_to_train_and_to_hold_out(names: list[int]):
    split = split_pieces(pieces_of(names), val_fraction=0.1, test_fraction=0.1)
    assert split.pieces["train"]
    assert split.pieces["val"]
    assert sorted(p.content for members in split.pieces.values() for p in members) == sorted(
        p.content for p in pieces_of(names)
    )


@given(st.lists(st.integers(), min_size=2, max_size=12, unique=True))
def test_a_moved_piece_is_the_one_nearest_to_the_empty_split_and_is_stated(names: list[int]):
    pieces = pieces_of(names)
    split = split_pieces(pieces, val_fraction=0.1, test_fraction=0.0)
    if "val" in split.moved.values():
        nearest = min(pieces, key=lambda piece: hash_position(piece.content))
        assert split.moved == {nearest.path.name: "val"}
        assert split.pieces["val"] == [nearest]


def test_a_single_piece_stays_where_it_is():
    split = split_pieces(pieces_of([1]), val_fraction=0.1, test_fraction=0.1)
    assert split.moved == {}


def test_a_fraction_of_zero_is_an_empty_split():
    split = split_pieces(pieces_of([1, 2, 3]), val_fraction=0.0, test_fraction=0.0)
    assert len(split.pieces["train"]) == 3
    assert split.moved == {}


def test_bad_fractions_are_an_error():
    with pytest.raises(ValueError, match="sum below 1"):
        split_pieces(pieces_of([1]), val_fraction=0.6, test_fraction=0.4)
