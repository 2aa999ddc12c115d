import itertools
import json
from pathlib import Path

import many_pieces
import numpy as np
import pytest
from benchmarks.music import synthetic_performance
from benchmarks.variants import varied, write_variants

from musicgen.music.midi import read_midi


@pytest.fixture
def piece(tmp_path: Path) -> Path:
    path = tmp_path / "piece.mid"
    synthetic_performance(1, num_notes=200).save(path)
    return path


def test_a_variant_is_the_same_music_elsewhere(piece, tmp_path) -> None:
    original = read_midi(piece)
    varied(piece, semitones=2, tempo=1.25).save(tmp_path / "variant.mid")
    variant = read_midi(tmp_path / "variant.mid")

    assert np.array_equal(variant.pitch, original.pitch + 2)
    assert np.allclose(variant.onset_quarters * 1.25, original.onset_quarters)
    assert np.array_equal(variant.velocity, original.velocity)


def test_variants_are_distinct_and_begin_with_the_originals(piece, tmp_path) -> None:
    write_variants([piece], tmp_path / "many", count=49)
    contents = [path.read_bytes() for path in sorted((tmp_path / "many").rglob("*.mid"))]

    assert len(set(contents)) == 49
    assert np.array_equal(read_midi(tmp_path / "many/0000/piece +0 1.0.mid").pitch, read_midi(piece).pitch)
    with pytest.raises(ValueError, match="1 files have 49 variants"):
        write_variants([piece], tmp_path / "more", count=50)


@pytest.mark.gate
def test_the_short_form_measures_growth(midi_folder, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("GIANTMIDI_ROOT", str(midi_folder))
    many_pieces.main(["counts=12,48", "batches=10", f"json={tmp_path / 'many.json'}"])
    metrics = json.loads((tmp_path / "many.json").read_text())

    assert [count["pieces"] for count in metrics["counts"]] == [12, 48]
    assert metrics["growth"]["pieces"] == 4
    for count, kind in itertools.product(metrics["counts"], ("slices", "codes")):
        assert count[f"{kind}_mib"] > 50
        assert count[f"{kind}_batches_per_s"] > 0
