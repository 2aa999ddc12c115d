"""Musically equal pieces are found in any key, at any tempo, under any harmony, and fall into one split."""

import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from musicgen.data.catalogue import twin_search
from musicgen.data.catalogue.fingerprints import PRINT, fingerprint
from musicgen.data.catalogue.piece_filter import PieceFilter
from musicgen.data.catalogue.splitting import split_of
from musicgen.data.catalogue.twin_search import twins_among
from musicgen.data.catalogue.twins import Twins, find_twins, grouped, sampled
from musicgen.data.prepare import prepare, write_summary
from musicgen.data.sources.corpus import Corpus
from musicgen.data.sources.folder import Folder
from musicgen.data.sources.giantmidi import GiantMidi
from musicgen.music.grid import ClockGrid
from musicgen.music.midi import write_midi
from musicgen.music.notes import Performance

Notes = tuple[np.ndarray, np.ndarray, np.ndarray]


def melody(seed: int, *, notes: int = 40) -> Notes:
    """Compose a wandering tune: pitches, onsets and lengths in seconds."""
    random = np.random.default_rng(seed)
    pitch = 67 + np.cumsum(random.integers(-4, 5, size=notes)) % 12
    length = random.choice([0.25, 0.5, 0.5, 1.0], size=notes)
    return pitch, np.cumsum(length) - length, length


def harmonised(tune: Notes, seed: int, *, voices: int = 3) -> Performance:
    """Set a tune over other voices, which move between its notes, too."""
    random = np.random.default_rng(1000 + seed)
    pitch, onset, length = tune
    end = float((onset + length).max())
    parts = [(pitch, onset, length * 0.99)]
    for voice in range(voices):
        count = random.integers(20, 60)
        starts = np.sort(random.uniform(0, end - 0.3, size=count)).round(2)
        parts.append((random.integers(36, 50, size=count) + 4 * voice, starts, np.full(count, 0.2)))
    return performance(*(np.concatenate(values) for values in zip(*parts, strict=True)))


def performance(pitch: np.ndarray, onset: np.ndarray, length: np.ndarray) -> Performance:
    return Performance.from_arrays(
        pitch,
        onset_s=onset,
        offset_s=onset + length,
        onset_quarters=onset * 2,
        offset_quarters=(onset + length) * 2,
    )


def twins(*performances: Performance) -> list[tuple[str, str]]:
    prints = {str(number): fingerprint(one) for number, one in enumerate(performances)}
    return [(pair.first, pair.second) for pair in find_twins(prints)]


def test_a_tune_under_another_harmony_in_another_key_and_tempo_is_a_twin():
    pitch, onset, length = melody(0)
    first = harmonised((pitch, onset, length), 0)
    second = harmonised((pitch + 5, onset * 1.3, length * 1.3), 1)
    assert twins(first, second, *(harmonised(melody(seed), seed) for seed in range(2, 12))) == [("0", "1")]


def test_rubato_and_repeated_notes_change_nothing():
    pitch, onset, length = melody(1)
    rubato = onset + 0.4 * np.sin(onset / 3)
    again = np.insert(pitch, 7, pitch[7]), np.insert(rubato, 7, rubato[7] - 0.05), np.insert(length, 7, 0.04)
    assert twins(performance(pitch, onset, length), performance(*again)) == [("0", "1")]


def test_a_collection_is_a_twin_of_each_piece_that_it_contains():
    parts = [melody(seed, notes=60) for seed in range(4)]
    starts = np.cumsum([0] + [onset[-1] + 4 for _, onset, _ in parts[:-1]])
    joined = [(pitch, onset + at, length) for (pitch, onset, length), at in zip(parts, starts, strict=True)]
    collection = performance(*(np.concatenate(values) for values in zip(*joined, strict=True)))
    alone = [performance(*part) for part in parts]
    assert twins(collection, *alone) == [("0", str(number)) for number in range(1, 5)]


def test_scales_trills_and_broken_chords_make_no_twins():
    scale = np.tile(np.r_[60:72, 72:60:-1], 20)
    trill = np.tile([60, 62], 200)
    chord = np.tile([48, 55, 52, 55], 100)
    onset = [np.arange(len(pitch)) / 8 for pitch in (scale, trill, chord)]
    pieces = [
        performance(pitch + shift, start, np.full(len(pitch), 0.1))
        for pitch, start in zip((scale, trill, chord), onset, strict=True)
        for shift in (0, 3)
    ]
    assert twins(*pieces) == []


def test_the_same_tune_backwards_is_another():
    pitch, onset, length = melody(3)
    assert twins(performance(pitch, onset, length), performance(pitch[::-1], onset, length)) == []


@pytest.mark.parametrize("notes", [0, 1, 8, 9])
def test_short_pieces_have_few_fingerprints_or_none(notes: int):
    pitch, onset, length = melody(0, notes=notes)
    prints = fingerprint(performance(pitch, onset, length))
    assert prints.dtype == PRINT
    assert len(prints) <= 3


def test_of_a_large_collection_the_same_share_of_every_piece_is_compared():
    tune = melody(4, notes=4000)
    first, second = fingerprint(performance(*tune)), fingerprint(performance(tune[0] + 2, *tune[1:]))
    share = 0.1
    kept = [sampled(prints, share) for prints in (first, second)]
    assert 0.05 < len(kept[0]) / len(first) < 0.2
    assert np.array_equal(kept[0]["hash"], kept[1]["hash"])
    pairs = find_twins({"a": kept[0], "b": kept[1]}, share=share)
    assert [(pair.first, pair.second) for pair in pairs] == [("a", "b")]


def test_twins_of_twins_are_one_group_whose_leader_has_nothing_to_do_with_the_split():
    contents = [f"{number:08x}{'0' * 48}{seed:08x}" for number, seed in ((1, 9), (2, 3), (3, 7), (4, 1))]
    a, b, c, d = contents
    groups = grouped([Twins(a, b, 30), Twins(c, d, 30), Twins(b, c, 30)])
    assert groups == dict.fromkeys(contents, d)  # "…01" is the smallest, read from its end
    assert grouped([]) == {}


@pytest.fixture
def family(tmp_path: Path) -> Path:
    """Give a folder of 12 tunes in 4 keys each."""
    (tmp_path / "music").mkdir()
    for tune in range(12):
        for key in range(4):
            pitch, onset, length = melody(tune)
            write_midi(performance(pitch + key, onset, length), tmp_path / "music" / f"{tune}-{key}.mid")
    return tmp_path / "music"


def test_all_keys_of_a_tune_fall_into_one_split(family: Path, tmp_path: Path):
    done = prepare(
        Folder(family), ClockGrid(), choice=PieceFilter(), cache_dir=tmp_path / "cache",
        val_fraction=0.3, test_fraction=0.3, num_workers=1,
    )  # fmt: skip
    sides = {piece.path.stem: name for name, packed in done.splits.items() for piece in packed.pieces}
    assert len(set(sides.values())) == 3
    assert all(side == sides[f"{stem.partition('-')[0]}-0"] for stem, side in sides.items())
    assert done.summary["twins"] == {"groups": 12, "pieces": 48}
    one = next(piece for piece in done.pieces if piece.path.stem == "3-0")
    versions = {piece.content for piece in done.pieces if piece.path.stem.startswith("3-")}
    assert done.with_twins({one.content, "ab" * 32}) == versions | {"ab" * 32}
    write_summary(done, tmp_path / "out")
    with (tmp_path / "out" / "twins.csv").open(encoding="utf-8") as table:
        rows = list(csv.DictReader(table))
    assert Counter(row["group"] for row in rows) == {str(number): 4 for number in range(1, 13)}
    for row in rows:
        assert sides[Path(row["path"]).stem] == row["split"]
        assert Path(row["twin"]).stem.partition("-")[0] == Path(row["path"]).stem.partition("-")[0]
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["twins"]["groups"] == 12


def test_without_looking_for_twins_each_piece_goes_its_own_way(family: Path, tmp_path: Path):
    done = prepare(
        Folder(family), ClockGrid(), choice=PieceFilter(), cache_dir=tmp_path / "cache",
        val_fraction=0.3, test_fraction=0.3, twins_together=False, num_workers=1,
    )  # fmt: skip
    assert "twins" not in done.summary
    for name, packed in done.splits.items():
        assert all(
            split_of(piece.content, val_fraction=0.3, test_fraction=0.3) == name for piece in packed.pieces
        )
    write_summary(done, tmp_path / "out")
    assert not (tmp_path / "out" / "twins.csv").exists()


def test_versions_of_one_tune_alone_are_split_all_the_same(tmp_path: Path, caplog):
    pitch, onset, length = melody(0)
    (tmp_path / "music").mkdir()
    for key in range(3):
        write_midi(performance(pitch + key, onset, length), tmp_path / "music" / f"{key}.mid")
    done = prepare(
        Folder(tmp_path / "music"), ClockGrid(), choice=PieceFilter(), cache_dir=tmp_path / "cache"
    )
    done.require("train", "val")
    assert "all 3 pieces are twins" in caplog.text


def test_a_file_is_read_once_and_a_set_compared_once(family: Path, tmp_path: Path, monkeypatch):
    pieces = Folder(family).pieces()
    some, cache = pieces[:20], tmp_path / "cache"
    first = twins_among(some, cache_dir=cache, num_workers=1)
    read, plain = Counter(), twin_search.read_midi

    def counted(path: Path) -> Performance:
        read[path.name] += 1
        return plain(path)

    monkeypatch.setattr(twin_search, "read_midi", counted)
    assert twins_among(pieces, cache_dir=cache, num_workers=1)
    assert len(read) == 28
    monkeypatch.setattr(twin_search, "find_twins", None)
    assert twins_among(some, cache_dir=cache, num_workers=1) == first
    assert set(read.values()) == {1}


@pytest.mark.slow
def test_the_well_tempered_clavier_is_held_together_with_its_preludes_and_fugues(
    giantmidi_root: Path, tmp_path: Path
):
    pieces = GiantMidi(giantmidi_root).pieces()
    whole = next(piece for piece in pieces if "Das wohltemperierte Klavier I, BWV 846-869" in piece.title)
    singles = [piece for piece in pieces if any(f"BWV {n}" in piece.title for n in (846, 847, 852, 864, 869))]
    others = [piece for piece in pieces if any(f"BWV {n}" in piece.title for n in (870, 871, 875, 884, 889))]
    found = twins_among([whole, *singles, *others], cache_dir=tmp_path, num_workers=1)
    groups = grouped(found)
    assert set(groups) == {piece.content for piece in (whole, *singles)}
    assert len(set(groups.values())) == 1


@pytest.mark.long
def test_chorales_on_one_tune_are_twins_in_any_key(tmp_path: Path):
    pieces = [piece for piece in Corpus(tmp_path).pieces() if piece.surname == "Bach"]
    groups = grouped(twins_among(pieces, cache_dir=tmp_path))
    number = {piece.title.split()[1]: groups.get(piece.content, piece.content) for piece in pieces}
    tunes = [
        ("244.15", "244.17", "244.44", "244.54", "248.5", "271"),  # O Haupt voll Blut und Wunden
        ("227.1", "227.3", "227.7", "227.11", "358", "81.7"),  # Jesu, meine Freude
        ("392", "393", "394", "395", "44.7", "13.6"),  # O Welt, ich muss dich lassen
    ]
    assert [len({number[title] for title in tune}) for tune in tunes] == [1, 1, 1]
    assert len({number[tune[0]] for tune in tunes}) == 3
