from collections import Counter
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicgen.data.catalogue.piece_filter import PieceFilter
from musicgen.data.catalogue.pieces import Piece, distinct
from musicgen.data.catalogue.splitting import SPLITS, split_of
from musicgen.data.sources.composers import ERAS, era_of
from musicgen.data.sources.giantmidi import GiantMidi

FRACTIONS = {"val_fraction": 0.1, "test_fraction": 0.1}


def piece(
    name: str, composer: str, surname: str, title: str, era: str = "romantic", content: str = ""
) -> Piece:
    return Piece(Path(name), content or sha256(name.encode()).hexdigest(), composer, surname, title, era)


@pytest.fixture
def shelf() -> list[Piece]:
    return [
        piece("a", "Johann Sebastian Bach", "Bach", "Air in F major", "baroque"),
        piece("b", "Carl Philipp Emanuel Bach", "Bach", "Fantasia", "classical"),
        piece("c", "Frédéric Chopin", "Chopin", "Nocturne oubliée"),
        piece("d", "Frédéric Chopin", "Chopin", "Nocturnes, Op.9"),
        piece("e", "Ludwig van Beethoven", "Beethoven", "Für Elise", "classical"),
        piece("f", "Antonín Dvořák", "Dvořák", "Humoresque"),
    ]


@pytest.mark.parametrize(
    ("birth_year", "era"),
    [(1685, "baroque"), (1709, "baroque"), (1710, "classical"), (1794, "classical"), (1795, "romantic"),
     (1884, "romantic"), (1885, "modern"), (None, "unknown")],
)  # fmt: skip
def test_an_era_follows_from_the_birth_year(birth_year: int | None, era: str):
    assert era_of(birth_year) == era
    assert era in ERAS


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("Chopin", "cd"), ("chopin", "cd"), ("Frédéric Chopin", "cd"), ("frederic chopin", "cd"),
        ("Chopin, Frédéric", "cd"), ("Bach", "ab"), ("Bach, Johann Sebastian", "a"), ("C.P.E. Bach", "b"),
        ("Ludwig van Beethoven", "e"), ("dvorak", "f"), (["Bach", "Dvořák"], "abf"),
        (["Bach", "Johann Sebastian"], "a"), (["Dvorak", "Antonin"], "f"),
    ],
)  # fmt: skip
def test_a_composer_matches_by_surname_or_full_name_in_either_order(shelf, wanted, found: str):
    assert [one.path.name for one in PieceFilter(composer=wanted).apply(shelf)] == list(found)


def test_a_title_matches_by_a_part_of_it(shelf):
    assert [one.path.name for one in PieceFilter(title="nocturne").apply(shelf)] == ["c", "d"]
    assert [one.path.name for one in PieceFilter(title=["fur elise", "OUBLIEE"]).apply(shelf)] == ["c", "e"]
    assert [one.path.name for one in PieceFilter(title=["Nocturnes", "Op.9"]).apply(shelf)] == ["d"]


def test_composer_era_and_title_must_all_hold(shelf):
    assert [one.path.name for one in PieceFilter(composer="Bach", era="classical").apply(shelf)] == ["b"]
    with pytest.raises(ValueError, match="together"):
        PieceFilter(composer="Chopin", era="baroque").apply(shelf)


@pytest.mark.parametrize(
    ("choice", "offer"),
    [
        (PieceFilter(composer="Chopn"), "Frédéric Chopin"),
        (PieceFilter(composer="Betthoven"), "Ludwig van Beethoven"),
        (PieceFilter(era="romantik"), "romantic"),
        (PieceFilter(title="Noctrune"), "nocturne"),
        (PieceFilter(composer=["Bach", "Liszd"]), "Liszd"),
    ],
)
def test_an_unknown_name_is_an_error_that_offers_the_nearest(shelf, choice: PieceFilter, offer: str):
    with pytest.raises(ValueError, match=r"nearest known") as error:
        choice.apply(shelf)
    assert offer.casefold() in str(error.value).casefold()


def test_max_pieces_takes_a_sample_that_is_no_side_of_the_split():
    many = [piece(str(number), "A B", "B", "T") for number in range(2000)]
    sample = PieceFilter(max_pieces=400).apply(many)
    sides = Counter(split_of(one.content, **FRACTIONS) for one in sample)
    assert len(sample) == 400
    assert sample == PieceFilter(max_pieces=400).apply(many)
    assert 20 <= sides["val"] <= 70
    assert 20 <= sides["test"] <= 70


def test_max_pieces_counts_copies_once_and_must_be_positive(shelf):
    copy = piece("z", "Frédéric Chopin", "Chopin", "Nocturne again", content=shelf[2].content)
    assert len(PieceFilter(max_pieces=100).apply([*shelf, copy])) == len(shelf)
    with pytest.raises(ValueError, match="max_pieces=0"):
        PieceFilter(max_pieces=0).apply(shelf)


def test_distinct_keeps_the_first_of_each_content_and_every_unreadable_file(shelf):
    copies = [
        piece("y", "A", "A", "T", content=shelf[0].content),
        Piece(Path("x"), "", "A", "A", "T", "unknown"),
    ]
    assert distinct([*shelf, *copies, copies[1]]) == [*shelf, copies[1], copies[1]]


@given(
    st.sets(st.binary(min_size=1, max_size=8), min_size=1, max_size=60), st.binary(min_size=9, max_size=12)
)
def test_a_split_is_stable_when_pieces_are_added(names: set[bytes], added: bytes):
    contents = [sha256(name).hexdigest() for name in names]
    before = [split_of(content, **FRACTIONS) for content in contents]
    after = [split_of(content, **FRACTIONS) for content in [*contents, sha256(added).hexdigest()]]
    assert after[:-1] == before
    assert set(after) <= set(SPLITS)


def test_splits_have_their_shares():
    contents = [sha256(str(number).encode()).hexdigest() for number in range(20_000)]
    shares = Counter(split_of(content, val_fraction=0.1, test_fraction=0.2) for content in contents)
    assert shares["val"] / 20_000 == pytest.approx(0.1, abs=0.01)
    assert shares["test"] / 20_000 == pytest.approx(0.2, abs=0.01)


@pytest.mark.parametrize(("val", "test"), [(-0.1, 0.1), (0.1, -0.1), (0.5, 0.5), (1.0, 0.0)])
def test_fractions_out_of_range_are_an_error(val: float, test: float):
    with pytest.raises(ValueError, match="val_fraction"):
        split_of("0" * 64, val_fraction=val, test_fraction=test)


def test_the_857_files_are_found_with_their_eras_and_composers(giantmidi_root: Path):
    pieces = GiantMidi(giantmidi_root).pieces()
    assert len(pieces) == 857
    assert len(distinct(pieces)) == 834
    assert Counter(one.era for one in pieces) == {"baroque": 189, "classical": 211, "romantic": 457}
    assert Counter(one.surname for one in pieces) == {
        "Bach": 138, "Handel": 57, "Lully": 3, "Beethoven": 76, "Mozart": 72, "Haydn": 54, "Chopin": 96,
        "Debussy": 27, "Liszt": 141, "Mendelssohn": 25, "Rachmaninoff": 21, "Schubert": 99, "Schumann": 48,
    }  # fmt: skip
    assert len(PieceFilter(composer="Johann Sebastian Bach", era="baroque").apply(pieces)) == 129
    assert len(PieceFilter(composer="Schubert, Camille").apply(pieces)) == 3


def test_the_twelve_nocturnes_split_into_nine_two_and_one(giantmidi_root: Path):
    nocturnes = PieceFilter(composer=["Chopin"], title="Nocturne").apply(GiantMidi(giantmidi_root).pieces())
    sides = Counter(split_of(one.content, **FRACTIONS) for one in nocturnes)
    assert sides == {"train": 9, "val": 2, "test": 1}


def test_the_shipped_table_gives_the_same_eras_as_the_data_sets_own(giantmidi_root: Path, tmp_path: Path):
    for path in giantmidi_root.glob("*.mid"):
        (tmp_path / path.name).symlink_to(path)
    own, shipped = GiantMidi(giantmidi_root).pieces(), GiantMidi(tmp_path).pieces()
    assert [one.era for one in own] == [one.era for one in shipped]
