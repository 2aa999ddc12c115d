"""The comparison page as a file: self-contained, escaped, and true to the runs."""

import base64
import datetime
import hashlib
import json
import re

import mido
import numpy as np
import pytest

from musicgen.music.midi import read_midi
from musicgen.reports.compare.aggregate import aggregate
from musicgen.reports.compare.compare import compare_runs
from musicgen.reports.pages.comparison_page import write_page
from musicgen.reports.pages.page_data import MAX_PIECES, MAX_POINTS, page_json
from musicgen.reports.runs.curves import Curve
from musicgen.reports.runs.runs import load_runs
from tests.reports.run_folders import a_run, make_run

EVIL = "</script><script>window.pwned=1</script><img src=x onerror=window.pwned=1>&\"'`{{7*7}}"
WHEN = datetime.datetime(2026, 11, 23, 10, 30, tzinfo=datetime.UTC)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    for epochs in (5, 10):
        make_run(folder / str(epochs), overrides={"epochs": epochs}, pieces=2, num_quarters=16)
    return folder


def data_of(text: str) -> dict:
    """Take the embedded JSON out of a page."""
    return json.loads(
        re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)[1]
    )


def test_the_page_loads_nothing_and_runs_its_own_script_only(folder):
    text = compare_runs(folder, output_dir=folder / "out").files["html"].read_text()
    assert set(re.findall(r"https?://[^\s\"'<>]+", text)) == {"http://www.w3.org/2000/svg"}
    assert not re.findall(r"<(?:script|img|iframe|link|object|embed)[^>]*\s(?:src|href)=\"(?!data:)", text)
    assert not re.findall(r"\son\w+=|style=\"|@import|url\(", text)
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)[1]
    assert policy.startswith("default-src 'none';")
    for kind, pattern in (("script", r"<script>(.*?)</script>"), ("style", r"<style>(.*?)</style>")):
        (content,) = re.findall(pattern, text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy


def test_the_page_holds_the_curves_of_the_runs(folder):
    comparison = compare_runs(folder, output_dir=folder / "out")
    data = data_of(comparison.files["html"].read_text())
    series = {one["name"]: one for panel in data["panels"] for one in panel["series"]}
    for index, run in enumerate(comparison.runs):
        for name, curve in run.curves.items():
            found = series[name]["curves"][str(index)]
            assert found["values"] == pytest.approx(curve.value.tolist(), rel=1e-4)
            assert data["grids"][found["grid"]]["step"] == curve.step.tolist()
            assert data["grids"][found["grid"]]["epoch"] == curve.epoch.tolist()
    (panel,) = [panel for panel in data["panels"] if panel["name"] == "vq_vae/bce"]
    assert [one["split"] for one in panel["series"]] == ["val", "train"]
    assert {one["name"]: one["value"] for one in panel["baselines"]} == {
        "one average for all cells": 0.2071,
        "per-pitch average": 0.1774,
    }


def test_the_page_holds_the_pieces_note_for_note_and_byte_for_byte(folder):
    comparison = compare_runs(folder, output_dir=folder / "out")
    pieces = data_of(comparison.files["html"].read_text())["pieces"]
    assert [(piece["run"], piece["name"]) for piece in pieces] == [
        (r, f"00{p}.mid") for r in (0, 1) for p in (0, 1)
    ]
    for piece in pieces:
        path = comparison.runs[piece["run"]].folder / "generated" / piece["name"]
        assert base64.b64decode(piece["midi"]) == path.read_bytes()
        notes, packed = read_midi(path), base64.b64decode(piece["notes"])
        count = len(notes)
        onset, duration = np.frombuffer(packed[: 8 * count], "<u4").reshape(2, count) / 1000
        np.testing.assert_allclose(onset, notes.onset_s, atol=1e-3)
        np.testing.assert_allclose(onset + duration, notes.offset_s, atol=2e-3)
        assert list(packed[8 * count : 9 * count]) == notes.pitch.tolist()
        assert list(packed[9 * count :]) == notes.velocity.tolist()
        assert re.fullmatch(r"epochs=\d+_00\d\.mid", piece["download"])


def test_a_piece_that_cannot_be_read_is_named_and_still_offered(folder, tmp_path):
    run = make_run(tmp_path / "a", num_quarters=4)
    (run / "generated" / "001.mid").write_bytes(b"MThd nothing")
    mido.MidiFile(tracks=[mido.MidiTrack()]).save(run / "generated" / "002.mid")
    good, broken, silent = data_of(compare_runs(run, output_dir=tmp_path / "out").files["html"].read_text())[
        "pieces"
    ]
    assert good["error"] == ""
    assert broken["error"].startswith("cannot be read")
    assert silent["error"] == "is silent: it has no notes"
    assert base64.b64decode(broken["midi"]) == b"MThd nothing"


def test_names_from_outside_stay_text(tmp_path):
    for number in range(2):
        make_run(
            tmp_path / f"{number}<b>",
            overrides={"data.title": f"{EVIL}{number}", "data.composer": EVIL},
            extra={f"generated/{EVIL}": number},
            num_quarters=4,
        )
    make_run(tmp_path / "failed", error=EVIL)
    text = compare_runs(tmp_path, output_dir=tmp_path / "out", command=EVIL).files["html"].read_text()
    assert text.lower().count("<script") == 2
    assert "<img" not in text.replace("\\u003cimg", "")
    assert "{{7*7}}" in text
    assert "=</script><scri…" in data_of(text)["runs"][0]["name"]


def test_the_same_runs_give_the_same_bytes(folder, tmp_path):
    comparison = aggregate(load_runs(folder))
    for name in "ab":
        write_page(comparison, tmp_path / name, when=WHEN, command="musicgen compare x")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert "23 November 2026, 10:30" in (tmp_path / "a").read_text()


def test_long_curves_are_thinned_to_means_and_gaps_stay_gaps(tmp_path):
    run = a_run(epochs=5, metrics={"bce": 1.0})
    steps = np.arange(12_345)
    values = np.sin(steps / 500)
    run.__dict__["curves"] = {
        "bce": Curve(steps, np.full(len(steps), np.nan), values),
        "short": Curve(steps[:3], np.arange(3.0), np.array([1.0, np.nan, np.inf])),
    }
    data = data_of(write_page(aggregate([run]), tmp_path / "page.html").read_text())
    long, short = [panel["series"][0]["curves"]["0"] for panel in data["panels"]]
    assert len(long["values"]) <= MAX_POINTS
    assert np.mean(long["values"]) == pytest.approx(values.mean(), abs=5e-3)
    assert data["grids"][long["grid"]] == {"step": data["grids"][long["grid"]]["step"], "epoch": None}
    assert data["grids"][long["grid"]]["step"][-1] == steps[-1]
    assert short["values"] == [1, None, None]
    assert data["thinned"] == MAX_POINTS


def test_baselines_are_lines_in_other_charts_and_batches_are_folded():
    run = a_run(epochs=5, metrics={"vq_vae/val/bce": 0.1, "baseline/pitch/bce": 0.13})
    names = ("vq_vae/val/bce", "vq_vae/train/bce", "vq_vae/step/bce", "vq_vae/lr", "baseline/pitch/bce")
    run.__dict__["curves"] = {name: Curve(np.arange(3), np.arange(3.0), np.full(3, 0.1)) for name in names}
    panels = json.loads(page_json(aggregate([run]), pieces_per_run=1))["panels"]
    assert [(panel["name"], panel["folded"]) for panel in panels] == [
        ("vq_vae/bce", False),
        ("vq_vae/step/bce", True),
        ("vq_vae/lr", True),
    ]


def test_many_pieces_are_counted_instead_of_carried(folder, tmp_path):
    text = compare_runs(folder, output_dir=tmp_path, pieces_per_run=1).files["html"].read_text()
    assert len(data_of(text)["pieces"]) == 2
    assert "2 more pieces lie in the run folders." in text
    assert MAX_PIECES >= 400


def test_a_page_without_anything_to_draw_is_still_written(tmp_path):
    runs = [a_run(str(n), status="failed", epochs=n) for n in range(2)]
    text = write_page(aggregate(runs), tmp_path / "page.html").read_text()
    assert "2 of 2 runs did not finish" in text
    assert data_of(text)["panels"] == data_of(text)["pieces"] == []
