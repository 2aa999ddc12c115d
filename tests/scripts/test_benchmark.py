import json
from pathlib import Path

import benchmark
import numpy as np
import pytest
import torch
from benchmarks.measure import SIZES, Bench, Row, row_of
from benchmarks.music import synthetic_performance
from benchmarks.page import BEGIN, END, write_page
from benchmarks.reference_reader import read_and_draw
from benchmarks.reference_transformer import WINDOW, ReferenceGpt
from benchmarks.table import text_table

from musicgen.music.grid import ClockGrid
from musicgen.music.packing import unpack

SMALL = ("read_cut", "cache_batches", "vq_vae_training", "vq_vae_learning", "transformer_training")


@pytest.fixture(scope="module")
def bench(midi_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(SIZES["tiny"], "cpu", 1, midi_folder, tmp_path_factory.mktemp("cache"))


@pytest.mark.parametrize("seed", range(4))
def test_the_reference_reader_draws_the_same_cells_as_ours(seed, tmp_path) -> None:
    path = tmp_path / "piece.mid"
    synthetic_performance(seed, num_notes=300).save(path)

    assert np.array_equal(read_and_draw(path).astype(bool), unpack(ClockGrid().read(path).packed))


def test_the_reference_transformer_sees_no_later_code() -> None:
    network = ReferenceGpt(num_layers=2, num_heads=2, width=8).eval()
    codes = torch.randint(16, (1, WINDOW))
    changed = codes.clone()
    changed[:, 100:] = (codes[:, 100:] + 1) % 16

    before, after = network(codes), network(changed)

    assert torch.allclose(before[:, :100], after[:, :100], atol=1e-6)
    assert not torch.allclose(before[:, 100:], after[:, 100:], atol=1e-3)


def test_a_row_has_the_median_of_the_ratios_of_pairs() -> None:
    faster = row_of("rate", ours=[10, 20, 90], reference=[5, 5, 30], unit="files/s", mark=3)
    sooner = row_of("time", ours=[2, 4], reference=[8, 8], unit="s", lower_is_better=True, mark=4)

    assert (faster.value, faster.reference, faster.ratio, faster.met) == (20, 5, 3, True)
    assert faster.spread == 40
    assert (sooner.value, sooner.ratio, sooner.met) == (3, 3, False)


def test_a_limit_is_met_below_it() -> None:
    assert row_of("cold", ours=[59], reference=None, unit="s", mark=60, limit=True).met
    assert not row_of("cold", ours=[61], reference=None, unit="s", mark=60, limit=True).met


def test_what_is_written_by_hand_stays_on_the_page(tmp_path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# Speed\n\n{BEGIN}\nold metrics\n{END}\n\nWhy so.\n")
    row = Row("read_cut", 1234.0, "files/s", 5.0, 10.0, 123.4, mark=40)
    write_page(page, [row], machine="a machine", source="pieces", arguments=["quick=true"])

    text = page.read_text()

    assert text.startswith("# Speed\n\n")
    assert text.endswith("\n\nWhy so.\n")
    assert "old metrics" not in text
    assert "| read_cut | 1,234 | 5 | files/s | 10 | 123 | 40 times | yes |" in text
    assert "`python scripts/benchmark.py quick=true`" in text


def test_an_unknown_row_is_refused_with_those_there_are() -> None:
    with pytest.raises(SystemExit, match=r"Unknown: reading\..*read_cut, cache_batches"):
        benchmark.read_options(["only=reading"])


@pytest.mark.gate
@pytest.mark.slow
@pytest.mark.parametrize("name", [*SMALL, "generation"])
def test_every_row_can_be_measured(name, bench) -> None:
    rows = benchmark.measured(name, bench)

    for row in rows:
        assert row.value > 0
        assert row.ratio is None or row.ratio > 0
        assert {"value", "unit", "spread", "reference", "ratio"} <= json.loads(
            json.dumps(row.as_json())
        ).keys()
    assert rows[0].name.startswith(name)
    assert text_table(rows).count("\n") > len(rows)


@pytest.mark.gate
def test_a_cold_start_ends_after_one_update(bench) -> None:
    (row,) = benchmark.measured("cold_start", bench)

    assert row.name == "cold_start"
    assert 1 < row.value < 600
    assert row.peak_mib > 100
