import importlib.metadata
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from musicgen.data.catalogue.content_hashes import catalogue_path
from musicgen.data.catalogue.piece_filter import PieceFilter
from musicgen.data.catalogue.pieces import distinct
from musicgen.data.sources import corpus as corpus_module
from musicgen.data.sources.corpus import Corpus, convert, find_scores, title_of
from musicgen.files.hashing import hash_file
from musicgen.music.midi import read_midi

HANDFUL = (
    "bach/bwv1.6.mxl", "bach/bwv101.7.mxl", "bach/bwv277.krn", "bach/bwv67.4.xml",
    "chopin/mazurka06-2.krn", "schumann_robert/opus48no2.mxl", "schoenberg/opus19/movement2.mxl",
)  # fmt: skip


@pytest.fixture(scope="module")
def root() -> Path:
    return Corpus("unused").root


@pytest.fixture
def small_corpus(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "corpus"
    for name in HANDFUL:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / name, folder / name)
    monkeypatch.setattr(corpus_module, "_find_corpus", lambda: folder)
    return folder


def in_bars(path: Path) -> float:
    """Measure which share of the onsets lies on a 24th of a quarter."""
    onset = read_midi(path).onset_quarters * 24
    return float(np.mean(np.abs(onset - np.round(onset)) < 0.3))


def test_the_package_is_found_without_importing_it():
    code = (
        "import sys; from musicgen.data.sources.corpus import Corpus; Corpus('x'); "
        "assert not {'music21', 'verovio', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_scores_of_known_composers_are_found_in_one_edition_each(root: Path):
    names = [path.relative_to(root).as_posix() for path in find_scores(root)]
    folders = Counter(name.partition("/")[0] for name in names)
    assert folders["bach"] == 413
    assert folders["beethoven"] == 22
    assert not {"essenFolksong", "oneills1850", "ryansMammoth", "theoryExercises", "palestrina"} & set(
        folders
    )
    assert not any(name.endswith(".krn") and "beethoven" in name for name in names)


def test_pieces_have_composers_titles_and_eras(small_corpus: Path, tmp_path: Path):
    pieces = {
        piece.path.name.rpartition("-")[0]: piece for piece in Corpus(tmp_path, progress=False).pieces()
    }
    assert len(pieces) == len(HANDFUL)
    chorale, mazurka = pieces["bach-bwv1.6"], pieces["chopin-mazurka06-2"]
    assert (chorale.composer, chorale.title, chorale.era) == ("Johann Sebastian Bach", "BWV 1.6", "baroque")
    assert "Mazurka in C-sharp Minor, Op. 6, No. 2" in mazurka.title
    assert pieces["schoenberg-opus19-movement2"].title == "Op. 19, movement 2"
    assert PieceFilter(composer="Schumann, Robert").apply(list(pieces.values())) == [
        pieces["schumann_robert-opus48no2"]
    ]


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("bach/bwv1.6.mxl", "BWV 1.6"),
        ("beethoven/opus18no1/movement2.mxl", "String Quartet Op. 18 No. 1, movement 2"),
        ("mozart/k155/movement3.mxl", "String Quartet K. 155, movement 3"),
        ("mozart/k545/movement1_exposition.mxl", "Piano Sonata K. 545, movement 1 exposition"),
        ("cpebach/h186.mxl", "H. 186"),
        ("schubert/Lindenbaum.xml", "Lindenbaum"),
        ("handel/rinaldo/Lascia_chio_pianga.mxl", "rinaldo Lascia chio pianga"),
    ],
)
def test_titles_are_made_from_paths(name: str, title: str):
    assert title_of(name, "") == title
    assert title_of(name, "So it says") == f"{title} (So it says)"


def test_a_chorale_is_on_its_beats(small_corpus: Path, tmp_path: Path):
    converted = convert(small_corpus / "bach/bwv1.6.mxl", folder=tmp_path)
    performance = read_midi(tmp_path / converted.midi)
    on_beat = np.mean(np.abs(performance.onset_quarters - np.round(performance.onset_quarters)) < 0.02)
    assert len(performance) == 491
    assert round(performance.duration_quarters) == 80
    assert on_beat > 0.7
    assert performance.counts.drum_notes == 0


def test_an_eighth_before_the_bar_does_not_put_the_piece_off_the_beat(small_corpus: Path, tmp_path: Path):
    converted = convert(small_corpus / "schumann_robert/opus48no2.mxl", folder=tmp_path)
    onset = read_midi(tmp_path / converted.midi).onset_quarters % 1
    shares = Counter(np.round(onset * 4).astype(int) % 4)
    assert shares.most_common(1)[0][0] == 0


def test_a_second_call_converts_nothing(small_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    first = Corpus(tmp_path, progress=False).pieces()

    def refuse(path: Path, *, folder: Path) -> None:
        raise AssertionError(f"{path} was converted")

    monkeypatch.setattr(corpus_module, "convert", refuse)
    assert Corpus(tmp_path, progress=False).pieces() == first


def test_only_scores_that_the_names_leave_are_converted(small_corpus: Path, tmp_path: Path):
    corpus = Corpus(tmp_path, progress=False)
    chosen = PieceFilter(composer="Bach").choose(corpus)
    assert [piece.title for piece in chosen] == [
        "BWV 1.6",
        "BWV 101.7",
        "BWV 277 (25. Christ lag in Todesbanden)",
        "BWV 67.4",
    ]
    assert {path.name for path in corpus.folder.iterdir()} == {piece.path.name for piece in chosen}
    assert chosen == PieceFilter(composer="Bach").apply(corpus.pieces())
    assert len(PieceFilter(era=["romantic", "modern"]).choose(corpus)) == 3
    both = PieceFilter(composer=["Bach", "Schumann"], era="baroque")
    assert both.choose(corpus) == both.apply(corpus.pieces()) == chosen  # of two composers an era drops one
    with pytest.raises(ValueError, match="composer='Bahc' fits no piece here; nearest known: 'Johann"):
        PieceFilter(composer="Bahc").choose(corpus)


def test_lost_and_damaged_conversions_are_made_again(small_corpus: Path, tmp_path: Path):
    corpus = Corpus(tmp_path, progress=False)
    first = corpus.pieces()
    first[0].path.unlink()
    assert corpus.pieces() == first
    catalogue_path(tmp_path).write_bytes(b"{")
    assert corpus.pieces() == first


def test_a_score_that_cannot_be_read_is_left_out_and_told(
    small_corpus: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    (small_corpus / "bach" / "bwv0.mxl").write_bytes(b"no score")
    assert len(Corpus(tmp_path, progress=False).pieces()) == len(HANDFUL)
    assert "bwv0.mxl left out" in caplog.text


def test_a_corpus_without_scores_is_an_error(small_corpus: Path, tmp_path: Path):
    for path in small_corpus.rglob("*.*"):
        path.write_bytes(b"no score")
    with pytest.raises(ValueError, match="none of the 7 scores"):
        Corpus(tmp_path, progress=False).pieces()


def test_a_missing_package_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(corpus_module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="pip install"):
        Corpus("unused")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return Corpus(tmp_path_factory.mktemp("corpus"))


@pytest.mark.long
def test_the_whole_corpus_is_converted(whole: Corpus):
    pieces = whole.pieces()
    composers = Counter(piece.composer for piece in pieces)
    assert composers["Johann Sebastian Bach"] == 413
    assert composers["Ludwig van Beethoven"] == 22
    assert len(pieces) == len(find_scores(whole.root))
    assert len(pieces) - len(distinct(pieces)) <= 3


@pytest.mark.long
def test_every_piece_is_polyphonic_within_the_piano_and_in_its_bars(whole: Corpus):
    for piece in whole.pieces():
        performance = read_midi(piece.path)
        sounding = float(np.sum(performance.offset_quarters - performance.onset_quarters))
        assert performance.counts.drum_notes == 0, piece.path.name
        assert sounding / performance.duration_quarters > 1.5, piece.path.name
        assert in_bars(piece.path) > 0.75, piece.path.name


@pytest.mark.long
def test_chorales_agree_with_music21(whole: Corpus):
    music21 = pytest.importorskip("music21")
    for name in ("bwv1.6", "bwv10.7", "bwv153.9", "bwv269", "bwv302", "bwv86.6"):
        score = music21.converter.parse(whole.root / "bach" / f"{name}.mxl", forceSource=True)
        theirs = sorted(
            (float(note.offset), pitch.midi)
            for part in score.parts
            for note in part.stripTies().flatten().notes
            for pitch in note.pitches
        )
        path = next(piece.path for piece in whole.pieces() if piece.title.startswith(f"BWV {name[3:]}"))
        performance = read_midi(path)
        ours = sorted(
            zip(np.round(performance.onset_quarters, 1).tolist(), performance.pitch.tolist(), strict=True)
        )
        assert [pitch for _, pitch in ours] == [pitch for _, pitch in theirs], name
        assert np.allclose([onset for onset, _ in ours], [onset for onset, _ in theirs], atol=0.06), name


PINNED_WITH = "6.4.1"
PINNED = (
    2,
    "48d4c866f65848ce14be5516970e3347ec8a5fc61de643c29aac8d1804640ada",
)  # version of the converter, and SHA-256 of a chorale that it converts


def test_a_change_of_what_is_converted_gets_a_new_version(root: Path, tmp_path: Path):
    if importlib.metadata.version("verovio") != PINNED_WITH:
        pytest.skip(f"the chorale was converted with verovio {PINNED_WITH}")
    converted = convert(root / "bach" / "bwv1.6.mxl", folder=tmp_path)
    digest = hash_file(tmp_path / converted.midi)
    assert (corpus_module._CONVERTER_VERSION, digest) == PINNED, "raise the version and write both here"
