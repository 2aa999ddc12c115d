from pathlib import Path

import pytest

from musicgen.data.sources.composers import BirthYears, normalise, parse_file_name
from musicgen.data.sources.listing import Listing


@pytest.mark.parametrize(
    ("name", "surname", "first_name", "title"),
    [
        ("Chopin, Frédéric, Nocturne oubliée, KX3d3bJnXSE.mid", "Chopin", "Frédéric", "Nocturne oubliée"),
        ("Bach, Johann Sebastian, Duetto No.3 in G major, BWV 804, -a_b1234567.mid", "Bach",
         "Johann Sebastian", "Duetto No.3 in G major, BWV 804"),
        ("Liszt, Franz, Étude, Op.1, No.2, _zzzzzzzzz-.MID", "Liszt", "Franz", "Étude, Op.1, No.2"),
        ("Bach, Anna, Menuet.midi", "Bach", "Anna", "Menuet"),
        ("Bach, Anna, Polonaises.midi", "Bach", "Anna", "Polonaises"),  # eleven letters, but the only title
        ("a song.mid", "unknown", "", "a song"),
        ("Two, parts.mid", "unknown", "", "Two, parts"),
        ("Чайковский, Пётр, Времена года, abcdefghijk.mid", "Чайковский", "Пётр", "Времена года"),
    ],
)  # fmt: skip
def test_a_file_name_gives_composer_and_title(name: str, surname: str, first_name: str, title: str):
    parsed = parse_file_name(Path(name))
    assert (parsed.surname, parsed.first_name, parsed.title) == (surname, first_name, title)


def test_names_compare_without_accents_case_and_punctuation():
    assert normalise("Frédéric  CHOPIN") == normalise("frederic chopin")
    assert normalise("Saint-Saëns") == "saint saens"
    assert normalise("Łukasz Ørsted") == "lukasz orsted"
    assert normalise("Чайковский") == normalise("чайковский")
    assert normalise("芥川") == "芥川"


def test_birth_years_come_from_the_data_sets_own_tables_first(tmp_path: Path):
    (tmp_path / "composers.csv").write_text(
        "\ufeffcomposer_name\tnationality\tbirth\tdeath\nAnn \"Nobody\tFrench\t1801\tunknown\n"
        "Frédéric Chopin\tPolish\t1234\t1849\nNo One\tGerman\tunknown\tunknown\n",
        encoding="utf-8",
    )  # fmt: skip
    (tmp_path / "resources").mkdir()
    header = "surname\tfirstname\tmusic\tnationality\tbirth\tdeath\tyoutube_title\tyoutube_id\n"
    full = tmp_path / "resources" / "full_music_pieces_youtube_similarity_pianosoloprob.csv"
    full.write_text(header + "Some\tBody\tSong\tDutch\t1902\t1980\tx\ty\n", encoding="utf-8")
    (tmp_path / "pieces.csv").write_text("file,era\na.mid,baroque\n")
    births = BirthYears(Listing(tmp_path).tables)
    assert births.year('Ann "Nobody') == 1801
    assert births.year("frederic chopin") == 1234
    assert births.year("Body Some") == 1902
    assert births.year("No One") is None
    assert births.year("Johann Sebastian Bach") == 1685


def test_the_shipped_table_knows_the_two_schuberts_apart():
    births = BirthYears()
    assert births.year("Franz Schubert") == 1797
    assert births.year("Camille Schubert") == 1810
    assert births.year("unknown") is None


def test_a_broken_table_is_told_and_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    (tmp_path / "composers.csv").symlink_to(tmp_path / "gone.csv")
    assert BirthYears(Listing(tmp_path).tables).year("Clara Schumann") == 1819
    assert "could not be read" in caplog.text
