"""Whether runs are better than trivial predictions, and what they can be compared on."""

import pytest

from musicgen.reports.compare.aggregate import aggregate
from musicgen.reports.compare.effects import effects
from musicgen.reports.compare.tables import metrics_table
from musicgen.reports.compare.verdict import best_rows, lead_of, leading_folders, run_warnings, verdict_of
from musicgen.reports.pages.comparison_page import write_page
from tests.reports.run_folders import a_run

BCE = "vq_vae/val/bce"
BASELINES = {"baseline/pitch/bce": 0.13, "baseline/constant/bce": 0.2}


def comparison_of(*values: float, **more: float):
    runs = [a_run(str(n), n=n, metrics={BCE: value, **BASELINES, **more}) for n, value in enumerate(values)]
    return aggregate(runs)


def verdict(comparison, name: str = BCE):
    (metric,) = [one for one in comparison.metrics if one.name == name]
    found = verdict_of(comparison, metric, comparison.rows)
    return found, best_rows(comparison, metric, comparison.rows, found)


@pytest.mark.parametrize(
    ("values", "text", "best"),
    [
        ((0.15, 0.14), "no run beats the per-pitch average, 0.1300", set()),
        ((0.15, 0.12), "only run 2 beats the per-pitch average, 0.1300", {1}),
        ((0.11, 0.12, 0.14), "runs 1, 2 beat the per-pitch average, 0.1300", {0}),
        ((0.11, 0.12), "both runs beat the per-pitch average, 0.1300", {0}),
        ((0.11, 0.12, 0.1), "all 3 runs beat the per-pitch average, 0.1300", {2}),
        ((0.11,), "beats the per-pitch average, 0.1300", set()),
        ((0.14,), "does not beat the per-pitch average, 0.1300", set()),
        ((0.13,), "does not beat the per-pitch average, 0.1300", set()),
    ],
)
def test_the_best_of_losers_is_not_marked(values, text, best):
    found, marked = verdict(comparison_of(*values))
    assert found.text == text
    assert marked == best


BITS = "val/bits_per_quarter"


@pytest.mark.parametrize(
    ("bits", "text"),
    [
        ((30, 25), "Run 2 (n=1) is best in BCE and bits a quarter; "),
        ((25, 30), "Run 2 (n=1) is best in BCE; run 1 (n=0) is best in bits a quarter; "),
    ],
)
def test_the_lead_names_the_best_run_and_whether_it_beats_a_trivial_prediction(bits, text):
    values = zip((0.12, 0.11), bits, strict=True)
    runs = [a_run(str(n), n=n, metrics={BCE: bce, BITS: b, **BASELINES}) for n, (bce, b) in enumerate(values)]
    assert lead_of(aggregate(runs)) == f"{text}BCE: both runs beat the per-pitch average, 0.1300."
    assert "(n=" not in lead_of(aggregate(runs), is_short=True)
    assert {folder.name for _, folder in leading_folders(aggregate(runs))} <= {"0", "1"}
    assert leading_folders(aggregate(runs))[0] == ("2", runs[1].folder)


def test_the_lead_gives_the_verdict_of_each_headline_metric():
    more = {BITS: 52.8, "baseline/chain/bits_per_quarter": 44.9}
    lead = lead_of(comparison_of(0.12, 0.11, **more))
    assert "bits a quarter: no run beats the chain from tick to tick, 44.90" in lead
    assert "best in BCE;" in lead


def test_the_lead_of_runs_that_learnt_nothing_says_so():
    assert lead_of(comparison_of(0.15, 0.14)) == "BCE: no run beats the per-pitch average, 0.1300."
    assert lead_of(comparison_of(0.15, 0.14), is_short=True) == ""


def test_a_metric_without_a_trivial_prediction_has_no_verdict():
    comparison = comparison_of(0.1, **{"vq_vae/val/perplexity": 3.0, "vq_vae/train/bce": 0.1})
    assert verdict(comparison, "vq_vae/val/perplexity")[0] is None
    assert verdict(comparison, "vq_vae/train/bce")[0] is None


def test_each_run_is_judged_by_the_baseline_of_its_own_codebook():
    name, baseline = "transformer/val/nats_per_code", "baseline/bigram/nats_per_code"
    runs = [
        a_run("a", n=0, metrics={name: 1.3, baseline: 1.5}),
        a_run("b", n=1, metrics={name: 1.2, baseline: 0.8}),
    ]
    found, marked = verdict(aggregate(runs), name)
    assert found.text == "only run 1 beats its code pairs, 0.800 to 1.500"
    assert marked == set()


def test_runs_on_other_pieces_stand_apart_without_a_winner_across():
    runs = [
        a_run(str(n), n=n, data__title=title, metrics={BCE: bce, **BASELINES})
        for n, (title, bce) in enumerate([("Etude", 0.1), ("Nocturne", 0.05), ("Etude", 0.09)])
    ]
    comparison = aggregate(runs)
    assert [(one.label, one.runs) for one in comparison.data_sets] == [
        ("title=Etude", (0, 1)),
        ("title=Nocturne", (2,)),
    ]
    assert [row.number for row in comparison.rows] == ["1", "2", "3"]
    (metric,) = [one for one in comparison.metrics if one.name == BCE]
    assert comparison.best(metric, comparison.rows) == frozenset()
    tables = [metrics_table(comparison, rows, [metric]) for _, rows in comparison.parts(comparison.rows)]
    marks = [[cell.mark for cell in table.lines[0].cells[1:-1]] for table in tables]
    assert marks == [["", "best"], [""]]


def test_a_lead_and_a_page_of_runs_with_other_pieces_tell_them_apart(tmp_path):
    runs = [
        a_run(str(n), data={"composer": [composer]}, n=n, metrics={BCE: bce, **BASELINES})
        for n, (composer, bce) in enumerate([("Chopin", 0.12), ("Chopin", 0.11), ("Liszt", 0.1)])
    ]
    comparison = aggregate(runs)
    assert "run 2 (n=1) is best in BCE" in lead_of(comparison)
    page = write_page(comparison, tmp_path / "page.html").read_text()
    assert page.count('class="metrics settings"') == len(comparison.data_sets) == 2


def test_pieces_that_changed_between_runs_are_another_data_set():
    runs = [a_run(str(n), n=n, metrics={BCE: 0.1}) for n in range(3)]
    for run, content in zip(runs, ("abc", "def", ""), strict=True):
        run.record["data"] = {"contents_sha256": content, "pieces": 7} if content else {}
    assert [one.runs for one in aggregate(runs).data_sets] == [(0, 1), (2,)]  # the unknown with the first
    assert aggregate(runs).data_sets[1].label == "7 pieces def"


def test_runs_of_a_group_are_numbered_below_it():
    runs = [a_run(f"{n}-{s}", n=n, seed=s, metrics={BCE: n + s / 10}) for n in (1, 2) for s in (0, 1)]
    comparison = aggregate([*runs, a_run("3", n=3, seed=0, metrics={BCE: 0.5})], sort=BCE)
    assert [(group.number, group.name) for group in comparison.groups] == [
        ("1", "n=3"),
        ("2", "n=1"),
        ("3", "n=2"),
    ]
    assert [row.number for row in comparison.rows] == ["1", "2.1", "2.2", "3.1", "3.2"]


def test_only_settings_that_vary_alone_have_an_effect():
    grid = [
        a_run(f"{a}-{b}-{s}", a=a, b=b, seed=s, metrics={BCE: 0.1})
        for a in (1, 2)
        for b in (3, 4)
        for s in (0, 1)
    ]
    found = effects(aggregate(grid))
    assert [[len(block) for block in one.blocks] for one in found] == [[4, 4], [4, 4]]
    together = [a_run(str(n), a=n, b=n, metrics={BCE: 0.1}) for n in range(4)]
    assert effects(aggregate(together)) == ()
    other_pieces = [a_run(str(n), data__title=str(n), metrics={BCE: 0.1}) for n in range(4)]
    assert effects(aggregate(other_pieces)) == ()
    failed = [a_run("x", a=1, metrics={BCE: 0.1}), a_run("y", status="failed", a=2)]
    assert effects(aggregate(failed)) == ()


def test_silent_pieces_are_said_once_a_run():
    comparison = aggregate(
        [
            a_run("a", n=0, metrics={"generated/pieces": 4.0, "generated/silent_pieces": 3.0}),
            a_run("b", n=1, metrics={"generated/pieces": 4.0, "generated/silent_pieces": 0.0}),
        ]
    )
    assert [(row.number, text) for row, text in run_warnings(comparison)] == [
        ("1", "3 of 4 generated pieces are silent")
    ]


def test_a_collapsed_codebook_is_said():
    used = {"vq_vae/val/perplexity": 14.2}
    comparison = aggregate(
        [a_run("a", n=0, metrics={"vq_vae/val/perplexity": 1.72}), a_run("b", n=1, metrics=used)]
    )
    assert [(row.number, text) for row, text in run_warnings(comparison)] == [
        ("1", "the codebook has collapsed (perplexity 1.7)")
    ]


def test_few_codes_in_use_of_few_are_no_collapse():
    metrics = {"vq_vae/val/perplexity": 2.6}
    comparison = aggregate([a_run("a", quantizer__num_embeddings=4, metrics=metrics)])
    assert run_warnings(comparison) == []
