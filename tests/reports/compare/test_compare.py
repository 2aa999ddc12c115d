"""Comparisons: groups over seeds, sorting, filtering, and what is written and shown."""

import csv
import io
import math
import re
import sys
from pathlib import Path

import pytest
from rich.console import Console

from musicgen.measure.spec import METRICS
from musicgen.measure.statistics import summarize
from musicgen.reports.compare.aggregate import aggregate
from musicgen.reports.compare.compare import compare_runs
from musicgen.reports.compare.export import run_rows, runs_frame
from musicgen.reports.compare.tables import cell_texts
from musicgen.reports.compare.terminal import screen_table
from tests.reports.run_folders import a_run, make_run


@pytest.fixture(scope="module")
def seeds(tmp_path_factory):
    """Two settings, three seeds each, and a run that failed."""
    folder = tmp_path_factory.mktemp("seeds")
    for epochs in (5, 10):
        for seed in range(3):
            overrides = {"epochs": epochs, "seed": seed}
            make_run(folder / f"{epochs}-{seed}", overrides=overrides, num_quarters=8, curves=False)
    make_run(folder / "20-0", overrides={"epochs": 20}, error="RuntimeError: [bold]no[/bold]", curves=False)
    return folder


def test_runs_that_differ_by_seed_only_are_grouped(seeds):
    comparison = compare_runs(seeds, output_dir=seeds / "out", formats=["csv", "md"])
    assert [group.name for group in comparison.groups] == ["epochs=5", "epochs=10", "epochs=20"]
    assert [len(group.members) for group in comparison.groups] == [3, 3, 1]
    values = [run.metrics["vq_vae/val/bce"] for run in comparison.runs if run.config["epochs"] == 5]
    assert comparison.groups[0].cells["vq_vae/val/bce"] == summarize(values)


def test_failed_runs_stay_in_sight(seeds):
    comparison = aggregate_folder(seeds)
    (row,) = comparison.unfinished
    assert (row.status, row.reason) == ("failed", "RuntimeError: [bold]no[/bold]")
    assert row.cells["vq_vae/val/bce"].n == 0


def aggregate_folder(folder, **options):
    return compare_runs(folder, output_dir=folder / "out", formats=["csv", "md"], **options)


def test_sorting_puts_the_better_first_and_what_has_no_value_last(seeds):
    for sort, sign in (("vq_vae/val/bce", 1), ("-vq_vae/val/bce", -1), ("vq_vae/val/cell_f1", -1)):
        rows = aggregate_folder(seeds, sort=sort).rows
        values = [sign * row.cells[sort.lstrip("-")].mean for row in rows]
        assert values[:-1] == sorted(values[:-1])
        assert math.isnan(values[-1])
    assert [row.settings[0] for row in aggregate_folder(seeds, sort="-epochs").rows][:2] == ["20", "10"]


def test_filtering_by_settings(seeds):
    assert len(aggregate_folder(seeds, where={"epochs": 5}).runs) == 3
    assert len(aggregate_folder(seeds, where={"epochs": [5, "10"], "seed": 0}).runs) == 2
    assert len(aggregate_folder(seeds, where={"status": "failed"}).runs) == 1
    assert len(aggregate_folder(seeds, where={"vq_vae": {"num_hiddens": 128}}).runs) == 7
    assert len(aggregate_folder(seeds, where={"num_hiddens": 128}).runs) == 7
    assert len(aggregate_folder(seeds, where={"max_epochs.vq_vae": 5}).runs) == 3


def test_grouping_by_a_setting(seeds):
    comparison = aggregate_folder(seeds, group_by=["seed"])
    assert [(group.name, len(group.members)) for group in comparison.groups] == [
        ("seed=0", 3),
        ("seed=1", 2),
        ("seed=2", 2),
    ]
    assert comparison.groups[0].reason == "1 of 3 not done"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"where": {"epochs": 7}}, "no run has epochs=7; there is 5, 10, 20"),
        ({"where": {"epoch": 5}}, "where='epoch' is neither .* nearest: epochs"),
        ({"sort": "vq_vae/val/bec"}, "nearest: vq_vae/val/bce"),
        ({"group_by": ["width", "nothing_like_it"]}, "group_by='nothing_like_it' is neither"),
        ({"where": {"num_embeddings": 1}}, "may mean quantizer.num_embeddings, transformer.num_embeddings"),
        ({"significance": ["bce"]}, "significance='bce' is neither"),
    ],
)
def test_unknown_names_offer_the_nearest(seeds, options, message):
    with pytest.raises(ValueError, match=message):
        aggregate_folder(seeds, **options)


def test_of_many_groups_each_is_tested_against_the_best():
    runs = [a_run(f"{n}-{s}", n=n, seed=s, metrics={"bce": n + s / 10}) for n in range(8) for s in range(2)]
    contrasts = aggregate(runs, significance=["bce"]).contrasts
    assert len(contrasts) == 7
    assert {one.first for one in contrasts} == {"n=0"}
    assert len(aggregate(runs[:8], significance=["bce"]).contrasts) == 6


# ---- what is written and shown


def test_the_csv_has_every_run_and_every_metric(seeds):
    comparison = aggregate_folder(seeds)
    with comparison.files["csv"].open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["run"] for row in rows] == list(comparison.names)
    assert [row["status"] for row in rows] == ["done"] * 6 + ["failed"]
    for row, run in zip(rows, comparison.runs, strict=True):
        assert Path(row["folder"]) == run.folder
        assert {name: float(row[name]) for name in run.metrics} == run.metrics
    with comparison.files["groups"].open(newline="") as file:
        groups = list(csv.DictReader(file))
    assert [(row["epochs"], row["vq_vae/val/bce n"]) for row in groups] == [
        ("5", "3"),
        ("10", "3"),
        ("20", "0"),
    ]


def test_the_parquet_has_numbers_as_numbers_and_gaps_as_gaps(seeds, tmp_path):
    import pandas

    runs = aggregate_folder(seeds).runs
    comparison = compare_runs(
        [run.folder for run in runs], output_dir=tmp_path, formats=["parquet"], where={"seed": [0, 1]}
    )
    assert set(comparison.files) == {"parquet"}
    frame = pandas.read_parquet(comparison.files["parquet"])
    assert frame["epochs"].tolist() == [5, 5, 10, 10, 20]
    values = [run.metrics.get("vq_vae/val/bce", math.nan) for run in comparison.runs]
    assert frame["vq_vae/val/bce"].tolist() == pytest.approx(values, nan_ok=True)


def test_a_parquet_column_of_mixed_kinds_is_text(tmp_path):
    import pandas

    for index, value in enumerate([1, "auto", None, [1, 2]]):
        make_run(tmp_path / str(index), overrides={"data.title": value}, curves=False, pieces=0)
    path = compare_runs(tmp_path, output_dir=tmp_path / "out", formats=["parquet"]).files["parquet"]
    assert set(pandas.read_parquet(path)["data.title"]) == {"1", "auto", "none", "[1, 2]"}


def test_the_tests_between_groups_are_written_too(seeds, tmp_path):
    comparison = compare_runs(
        seeds, output_dir=tmp_path, significance=["vq_vae/val/bce"], where={"status": "done"}, formats=["csv"]
    )
    with comparison.files["tests"].open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["first"], row["second"], row["n_first"]) == ("epochs=5", "epochs=10", "3")
    assert float(row["p"]) == comparison.contrasts[0].p


def test_an_unknown_format_is_refused(seeds, tmp_path):
    with pytest.raises(ValueError, match="pdf is none of csv, parquet, md, html"):
        compare_runs(seeds, output_dir=tmp_path, formats=["pdf"])


def test_the_markdown_marks_the_best_and_escapes_names(tmp_path):
    runs = {"a|b": 1.0, "<i>*c*": 2.0}
    for index, (name, bce) in enumerate(runs.items()):
        overrides = {"vq_vae.kind": name}
        make_run(tmp_path / str(index), overrides=overrides, curves=False, extra={"bce": bce}, pieces=0)
    text = (
        compare_runs(tmp_path, output_dir=tmp_path / "out", formats=["csv", "md"])
        .files["markdown"]
        .read_text()
    )
    lines = text.splitlines()
    assert {line.count("|") - line.count("\\|") for line in lines[: lines.index("")]} == {3}
    assert "a\\|b" in lines[3]
    assert "&lt;i>\\*c\\*" in lines[2]
    (row,) = [line for line in lines if line.startswith("| BCE ↓") and "**1" in line]
    assert row.count("**") == 2


def shown(comparison, width: int, **options) -> str:
    console = Console(width=width, file=io.StringIO(), force_terminal=False)
    console.print(screen_table(comparison, width=width, **options))
    return console.file.getvalue()


@pytest.mark.parametrize("width", [60, 100, 160])
@pytest.mark.parametrize("options", [{}, {"where": {"seed": 0}}, {"significance": ["vq_vae/val/bce"]}])
def test_the_screen_table_fits_and_cuts_nothing(seeds, width, options):
    text = shown(aggregate_folder(seeds, **options), width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    assert "RuntimeError: [bold]no[/bold]" in " ".join(text.split())
    assert "BCE" in text


def test_the_screen_has_six_metrics_by_short_names_and_the_differences_once(seeds):
    comparison = aggregate_folder(seeds, where={"seed": 0, "epochs": [5, 10]})
    text = shown(comparison, 80)
    for title in ("BCE", "Code perplexity", "Onset F1", "Nats a code", "Bits a quarter", "Scale consistency"):
        assert f"\n{title} " in text
    assert "Note F1" not in text
    assert text.count("epochs") == 1
    assert "real" in text
    (bce,) = [line for line in text.splitlines() if line.startswith("BCE ↓")]
    assert bce.count("*") == 1
    assert "BCE: both runs beat the per-pitch average, 0.1774." in text
    assert "Run 2 is best in BCE" in text
    assert "Binary cross-entropy" in text


def test_metrics_without_room_stand_in_a_second_table():
    names = (
        "vq_vae/val/bce",
        "vq_vae/val/perplexity",
        "vq_vae/val/onset_f1",
        "transformer/val/nats_per_code",
    )
    names = (*names, "val/bits_per_quarter", "generated/scale_consistency")
    baseline = {"baseline/pitch/bce": 0.7}
    runs = [
        a_run(f"{n}-{seed}", n=n, seed=seed, metrics=dict.fromkeys(names, n / 7 + seed / 100) | baseline)
        for n in range(1, 9)
        for seed in range(3)
    ]
    text = shown(aggregate(runs), 80)
    assert max(map(len, text.splitlines())) <= 80
    assert text.count("±") == 8 * len(names) + 1
    trivial = [line for line in text.splitlines() if line.startswith("trivial")]
    assert [line.split() for line in trivial] == [["trivial", "0.7000"]]


def test_real_metrics_have_their_own_decimals():
    metrics = {"generated/a_rate": 0.0, "real/a_rate": 0.1032}
    text = shown(aggregate([a_run(str(n), n=n, metrics=metrics) for n in range(2)]), 100)
    assert "0.1032" in text


def test_many_runs_are_counted_when_they_do_not_fit():
    runs = [a_run(str(n), n=n, metrics={"bce": n / 7}) for n in range(100)]
    text = shown(aggregate(runs), 100, max_rows=20)
    assert "80 more rows" in text


def test_a_sweep_in_which_all_failed_is_shown_too():
    runs = [a_run(str(n), status="failed", epochs=n) for n in range(2)]
    comparison = aggregate(runs, sort="epochs")
    assert shown(comparison, 100).count("RuntimeError: no") == 2


def test_metrics_of_a_user_are_explained_as_their_config_does(tmp_path):
    entry = {"_target_": "musicgen.measure.spec.MetricSpec", "name": "leap_rate", "title": "Leaps"}
    entry |= {
        "better": "closer",
        "meaning": "Steps wider than an octave.",
        "measure": {"_target_": "os.abort"},
    }
    for epochs in (5, 10):
        extra = {"generated/leap_rate": epochs / 100, "real/leap_rate": 0.06}
        overrides = {
            "epochs": epochs,
            "own_metrics.leaps": entry,
            "own_metrics.bad": {"name": "x", "title": "X", "better": "up"},
        }
        make_run(tmp_path / str(epochs), overrides=overrides, curves=False, extra=extra, pieces=0)
    try:
        comparison = compare_runs(tmp_path, output_dir=tmp_path / "out", formats=["html", "md"])
        (metric,) = [one for one in comparison.metrics if one.name == "generated/leap_rate"]
        assert (metric.title, metric.arrow) == ("Leaps", "→")
        page = comparison.files["html"].read_text()
        assert "Steps wider than an octave." in page
        text = comparison.files["markdown"].read_text().replace("\N{NO-BREAK SPACE}", " ")
        assert re.search(r"\| Leaps → \| \*\*0\.05000?\*\* \| 0\.10000? \| 0\.06000? \|", text)
    finally:
        METRICS.pop("leap_rate", None)


def test_rows_and_frames_have_settings_and_metrics(seeds, monkeypatch):
    comparison = aggregate_folder(seeds)
    rows = run_rows(comparison.runs)
    assert rows[0]["epochs"] == 5
    assert rows[0]["vq_vae/val/bce"] == comparison.runs[0].metrics["vq_vae/val/bce"]
    assert rows[-1]["vq_vae/val/bce"] is None
    import pandas

    frame = runs_frame(comparison.runs)
    assert isinstance(frame, pandas.DataFrame)
    assert frame.groupby("epochs")["vq_vae/val/bce"].count().to_dict() == {5: 3, 10: 3, 20: 0}
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="or use run_rows"):
        runs_frame(comparison.runs)


def test_what_one_row_alone_has_is_shown(tmp_path):
    make_run(tmp_path / "epochs=5", overrides={"epochs": 5}, curves=False)
    make_run(tmp_path / "epochs=9", overrides={"epochs": 9}, error="ValueError: no", curves=False)
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(screen_table(aggregate_folder(tmp_path), width=80))
    assert "BCE" in console.export_text()


def test_the_best_never_looks_like_the_next():
    runs = [a_run(str(n), n=n, metrics={"bce": bce}) for n, bce in enumerate([0.123441, 0.123449])]
    comparison = aggregate(runs)
    best = comparison.best(comparison.metrics[0], comparison.rows)
    assert cell_texts(comparison.metrics[0], comparison.rows, best) == ["0.123441", "0.123449"]
