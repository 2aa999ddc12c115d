import pickle
from hashlib import sha256
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from musicgen.data.catalogue.pieces import Piece, PieceTable, digests_of, kept
from musicgen.data.store.facts import FactsTable, PieceFacts
from musicgen.music.notes import ReadCounts

NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=60)
ADA = ("Ada Tester", "Tester", "romantic")


def piece(number: int, *, name: str = "", title: str = "Étude") -> Piece:
    composer, surname, era = ADA
    content = sha256(str(number).encode()).hexdigest()
    path = Path("music", str(number % 3), name or f"Tester, Ada, {title} No.{number}, abcdefghijk.mid")
    return Piece(path, content, composer, surname, title, era)


@given(st.lists(st.tuples(NAMES, NAMES, st.binary(min_size=32, max_size=32) | st.just(b"")), max_size=8))
def test_a_table_gives_back_every_piece_as_it_was(given_pieces):
    pieces = [
        Piece(Path("a", f"{name}.mid"), content.hex() if any(content) else "", name, title, title, "modern")
        for name, title, content in given_pieces
    ]
    table = PieceTable(iter(pieces))
    assert list(table) == pieces
    assert table == pieces
    assert pickle.loads(pickle.dumps(table)) == pieces  # noqa: S301 (our own bytes)
    assert table[::-1] == pieces[::-1]
    assert all(table[-number - 1] == pieces[-number - 1] for number in range(len(pieces)))


def test_names_that_are_no_unicode_and_pieces_that_were_not_read_stay_so():
    odd = Piece(Path("music/caf\udce9.mid"), "", "unknown", "unknown", "caf\udce9", "unknown")
    assert PieceTable([odd, piece(1)]) == [odd, piece(1)]


def test_what_is_kept_of_a_table_is_a_table_and_of_a_list_a_list():
    pieces = [piece(number) for number in range(9)]
    wanted = [piece.path.parent.name != "1" for piece in pieces]
    expected = [piece for piece, keep in zip(pieces, wanted, strict=True) if keep]
    assert kept(pieces, wanted) == expected
    from_table = kept(kept(PieceTable(pieces), [True] * 9), wanted)
    assert isinstance(from_table, PieceTable)
    assert from_table == expected
    assert from_table != pieces
    assert kept(from_table, [False] * len(from_table)) == []


def test_facts_are_found_by_content_and_only_those_that_were_given():
    contents = [sha256(bytes([number])).hexdigest() for number in range(50)] + ["ab" * 31 + "00"]
    facts = FactsTable(np.array([b"", *map(bytes.fromhex, contents)], "S32"))
    known = {
        content: PieceFacts(number, 7 * number, ReadCounts(drum_notes=number % 2), error="x" * (number % 3))
        for number, content in enumerate(contents[::2])
    }
    for content, one in known.items():
        facts[content] = one
    assert dict(facts) == known
    assert list(facts) == sorted(known)
    assert list(facts.contents()) == sorted(contents)
    assert contents[1] not in facts
    assert "cd" * 32 not in facts


def test_a_piece_and_its_facts_take_little_more_than_its_name_and_two_digests():
    table = PieceTable(piece(number) for number in range(1000))
    facts = FactsTable(digests_of(table))
    assert facts._digests.base is not None  # a view of the table's own
    for number, content in enumerate(facts.contents()):
        facts[content] = PieceFacts(number, number)
    held = len(pickle.dumps(table)) + len(pickle.dumps(facts))  # holds what they hold
    names = sum(len(piece.path.name) for piece in table)
    assert held / len(table) < names / len(table) + 2 * 32 + 54
