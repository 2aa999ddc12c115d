"""What a training says at its end, and the page that it leaves."""

from pathlib import Path

import pytest

from musicgen.cli.shared.closing import closing_lines
from tests.reports.run_folders import make_run

METRICS = {"vq_vae/val/bce": 0.0294, "baseline/pitch/bce": 0.1283, "vq_vae/val/perplexity": 14.1}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_run(tmp_path / "a", extra=METRICS | {"generated/pieces": 4, "generated/silent_pieces": 3})


def test_the_end_names_metrics_trivial_values_and_where_to_look(folder: Path) -> None:
    lines = closing_lines(METRICS, folder)
    assert lines[1].split() == ["BCE", ".0294", "↓", "trivial", ".128"]
    assert lines[2].split() == ["Code", "perplexity", "14.1", "↑"]
    assert lines[-2].endswith(str(folder / "index.html"))
    assert lines[-1].endswith(f"musicgen evaluate run={folder}")


def test_paths_below_the_working_folder_are_short(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    lines = closing_lines(METRICS, folder)
    assert lines[-2].endswith(": a/index.html")
    assert lines[-1].endswith("run=a")


def test_the_end_says_whether_the_run_is_better_than_nothing(folder: Path) -> None:
    lines = closing_lines(METRICS, folder)
    assert "BCE: beats the per-pitch average, 0.1283." in lines
    assert "3 of 4 generated pieces are silent." in lines


def test_verdicts_come_in_the_order_of_the_metrics_above(tmp_path: Path) -> None:
    metrics = METRICS | {"val/bits_per_quarter": 36.5, "baseline/chain/bits_per_quarter": 40.4}
    lines = closing_lines(metrics, make_run(tmp_path / "a", extra=metrics))
    places = [index for index, line in enumerate(lines) if "BCE" in line or "Bits a quarter" in line]
    assert [lines[place].split(":")[0].split()[0] for place in places] == ["BCE", "Bits", "BCE", "Bits"]


def test_the_page_shows_the_run_and_its_pieces(folder: Path) -> None:
    closing_lines(METRICS, folder)
    text = (folder / "index.html").read_text()
    assert "One run" in text
    assert "BCE: beats the per-pitch average" in text
    assert "000.mid" in text


def test_without_an_evaluation_nothing_is_said(tmp_path: Path) -> None:
    assert closing_lines({}, tmp_path) == []
    assert list(tmp_path.iterdir()) == []
