import csv
import json
from pathlib import Path

import numpy as np
import pytest

from musicgen.baselines.baseline import BaselineData
from musicgen.baselines.cells import TickMarkov
from musicgen.baselines.measure import bootstrap_ratio, run_baseline
from musicgen.baselines.real import Real
from musicgen.measure.reference import real_excerpts
from musicgen.music.midi import read_midi
from musicgen.reports.compare.compare import compare_runs
from tests.baselines.conftest import pieces_of


def run(baseline, material: BaselineData, folder: Path) -> dict[str, float]:
    return run_baseline(
        baseline, material, folder=folder, num_pieces=2, num_quarters=8, tempo_bpm=120, seed=0
    )


def test_a_baseline_leaves_what_a_run_leaves(material: BaselineData, tmp_path: Path):
    metrics = run(TickMarkov(), material, tmp_path)

    assert [path.name for path in sorted(tmp_path.glob("generated/*"))] == ["000.mid", "001.mid"]
    assert len(read_midi(tmp_path / "generated" / "000.mid"))
    written = json.loads((tmp_path / "metrics.json").read_text())
    assert written.keys() == metrics.keys()
    low, value, high = (metrics[f"val/bits_per_quarter{end}"] for end in ("/low", "", "/high"))
    assert low <= value <= high
    rows = list(csv.DictReader((tmp_path / "bits.csv").open()))
    shares = [sum(float(row[name]) for row in rows) for name in ("bits", "quarters")]
    assert shares[0] / shares[1] == pytest.approx(value, rel=1e-4)
    assert 0 <= metrics["generated/oa/mean"] <= 1
    assert metrics["generated/kld/h1"] >= 0
    assert metrics["baseline/parameters"] == 176
    compared = compare_runs([tmp_path], output_dir=tmp_path / "compared")
    assert compared.runs[0].metrics["generated/oa/mean"] == pytest.approx(metrics["generated/oa/mean"])


def test_real_music_is_nearer_to_real_music_than_a_chain(material: BaselineData, tmp_path: Path):
    real, chain = (run(model, material, tmp_path / type(model).__name__) for model in (Real(), TickMarkov()))

    assert real["generated/oa/mean"] > chain["generated/oa/mean"]
    assert "val/bits_per_quarter" not in real


def test_the_interval_of_a_ratio_is_over_pieces():
    bits, quarters = np.array([10.0, 30.0, 20.0, 40.0]), np.array([1, 2, 2, 4])
    low, high = bootstrap_ratio(bits, quarters, seed=0)

    assert 10 <= low < 100 / 9 < high <= 15
    assert bootstrap_ratio(bits[:1], quarters[:1], seed=0) == (10, 10)


def test_excerpts_are_cut_evenly_and_training_pieces_stay_out():
    packed = np.arange(20 * 88, dtype=np.uint32).reshape(20, 88) | 1
    pieces = pieces_of(packed, packed[:3], packed[:9])
    reference = real_excerpts([pieces], num_quarters=4, leave_out={pieces.pieces[2].content})

    assert reference.groups.tolist() in ([0, 0, 0, 1], [0, 1, 1, 1])
    assert all(excerpt.duration_quarters <= 4 for excerpt in reference.excerpts)
    first, second = reference.halves()
    assert set(first.groups) | set(second.groups) == {0, 1}
    assert not set(first.groups) & set(second.groups)
