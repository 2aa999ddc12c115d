from pathlib import Path

import pytest

from musicgen.data.sources.folder import Folder
from musicgen.data.sources.giantmidi import GiantMidi
from musicgen.data.sources.listing import Listing


def test_file_types_are_told_by_the_last_suffix_in_any_case(tmp_path: Path):
    # The original split names at the first dot, and so trained its transformer on one nocturne of twelve.
    taken = ["Nocturne No.1 in B, Op.9.mid", "a.MID", "b.midi", "c.Midi", "d.txt.mid", "e.RMI", "f.kar"]
    for name in [*taken, "e.mid.txt", "f.midx", "g", "mid", "._h.mid", "i.mp3"]:
        (tmp_path / name).touch()
    assert [path.name for path in Listing(tmp_path)] == sorted(taken)


def test_subfolders_are_searched_and_the_list_is_sorted_by_file_name(tmp_path: Path):
    for name in ["z/a.mid", "a/c.mid", "a/b/b.mid", "d.mid", "z/c.mid", "a/é.mid"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    listed = [str(piece.path.relative_to(tmp_path.resolve())) for piece in Folder(tmp_path).pieces()]
    assert listed == ["z/a.mid", "a/b/b.mid", "a/c.mid", "z/c.mid", "d.mid", "a/é.mid"]


def test_folders_that_are_links_are_read_each_once(tmp_path: Path):
    root, elsewhere = tmp_path / "music", tmp_path / "elsewhere"
    for name in ["music/a.mid", "music/z/b.mid", "elsewhere/c.mid", "elsewhere/deep/d.kar"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (root / "linked").symlink_to(elsewhere)
    (root / "again").symlink_to(elsewhere)
    (root / "m").symlink_to(root / "z")
    (root / "z" / "circle").symlink_to(root)
    (elsewhere / "deep" / "circle").symlink_to(elsewhere)
    listed = [str(path.relative_to(root)) for path in Listing(root)]
    assert listed == ["a.mid", "z/b.mid", "again/c.mid", "again/deep/d.kar"]


def test_a_folder_of_nothing_but_links_is_not_empty(tmp_path: Path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.mid").touch()
    (tmp_path / "music").mkdir()
    (tmp_path / "music" / "linked").symlink_to(tmp_path / "elsewhere")
    assert [piece.path.name for piece in Folder(tmp_path / "music").pieces()] == ["a.mid"]


def test_pieces_carry_what_their_names_say(tmp_path: Path):
    (tmp_path / "Chopin, Frédéric, Nocturne oubliée, KX3d3bJnXSE.mid").write_bytes(b"1")
    (tmp_path / "улица 东.mid").write_bytes(b"2")
    first, second = Folder(tmp_path).pieces()
    assert (first.composer, first.surname, first.era) == ("Frédéric Chopin", "Chopin", "romantic")
    assert (second.composer, second.title, second.era) == ("unknown", "улица 东", "unknown")
    assert len(first.content) == 64


def test_an_empty_folder_is_an_error(tmp_path: Path):
    with pytest.raises(ValueError, match=r"no \.mid, \.midi, \.rmi or \.kar file"):
        Folder(tmp_path).pieces()


@pytest.mark.parametrize("root", [None, ""])
def test_a_source_without_a_root_says_how_to_get_one(root: str | None):
    with pytest.raises(ValueError, match=r"data\.root=DIR.*data=corpus"):
        Folder(root)
    with pytest.raises(ValueError, match="GIANTMIDI_ROOT") as error:
        GiantMidi(root)
    for way in ("data.root", "data.download", "data=corpus"):
        assert way in str(error.value)


def test_a_root_that_is_no_folder_is_named(tmp_path: Path):
    with pytest.raises(ValueError, match="elsewhere is not a folder"):
        Folder(tmp_path / "elsewhere")


def test_ten_thousand_files_in_one_folder_are_listed(tmp_path: Path):
    for number in range(10_000):
        (tmp_path / f"{number}.mid").touch()
    assert len(Folder(tmp_path).pieces()) == 10_000


def test_pieces_that_musicgen_wrote_are_read_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    for name in ("own.mid", "outputs/train/r/generated/000.mid", "outputs/train/r2/x.mid"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"MThd")
    (tmp_path / "outputs/train/r/.hydra").mkdir()
    assert len(Folder(tmp_path).pieces()) == 3
    assert "1 of 3 MIDI files were written by musicgen" in caplog.text
    caplog.clear()
    assert len(Folder(tmp_path / "outputs/train/r").pieces()) == 1  # asked for
    assert not caplog.text
