"""Which way metrics are better, and how they are written."""

import math

import pytest

from musicgen.measure.directions import all_metrics, best_of, decimals_for, format_number, metric
from musicgen.reports.compare.aggregate import aggregate
from musicgen.reports.compare.tables import cell_texts
from tests.reports.run_folders import a_run


@pytest.mark.parametrize(
    ("name", "better"),
    [
        ("vq_vae/val/bce", "lower"),
        ("vq_vae/val/perplexity", "higher"),
        ("vq_vae/val/codes_used", "higher"),
        ("vq_vae/val/onset_f1", "higher"),
        ("transformer/val/nats_per_code", "lower"),
        ("transformer/val/perplexity", "lower"),
        ("val/bits_per_quarter", "lower"),
        ("baseline/pitch/bce", "none"),
        ("real/polyphony", "none"),
        ("generated/polyphony", "closer"),
        ("generated/h1", "none"),
        ("generated/pieces", "none"),
        ("generated/silent_pieces", "lower"),
        ("generated/oa/pitch", "higher"),
        ("generated/pitch_kld", "lower"),
        ("generated/fingering_s", "none"),
    ],
)
def test_every_metric_has_its_direction(name, better):
    assert metric(name, {"real/polyphony", "real/pieces", "real/silent_pieces"}).better == better


def test_a_direction_can_be_given():
    assert metric("mine", better={"mine": "higher"}).better == "higher"
    with pytest.raises(ValueError, match="'up' is none of lower, higher, closer, none"):
        metric("mine", better={"mine": "up"})


def test_the_best_is_found_and_ties_are_shared():
    bce, f1, polyphony = (metric(name, {"real/polyphony"}) for name in ("bce", "x_f1", "generated/polyphony"))
    nan = math.nan
    assert best_of(bce, [3, 1, nan, 1]) == {1, 3}
    assert best_of(f1, [0.3, 0.9, 0.5]) == {1}
    assert best_of(polyphony, [2.0, 6.0, 4.5], [5.0, 5.0, 5.0]) == {2}
    assert (
        best_of(bce, [1, 1])
        == best_of(bce, [1, nan])
        == best_of(metric("generated/x"), [1, 2])
        == frozenset()
    )


def test_metrics_stand_in_reading_order():
    names = [
        "baseline/pitch/bce",
        "real/h1",
        "vq_vae/train/bce",
        "vq_vae/val/note_f1",
        "vq_vae/val/bce",
        "val/bits_per_quarter",
    ]
    assert [one.name for one in all_metrics(names)] == [
        *reversed(names[3:]),
        "real/h1",
        "vq_vae/train/bce",
        "baseline/pitch/bce",
    ]


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([0.0388, 0.1774], ["0.0388", "0.1774"]),
        ([16.0, 4.0], ["16", "4"]),
        ([189.04, 203.5], ["189.0", "203.5"]),
        ([1e-7, 0.5], ["1.0e-07", "0.5000"]),
        ([math.nan, math.inf], ["–", "∞"]),
    ],
)
def test_numbers_have_sensible_digits(values, texts):
    assert [format_number(value, decimals_for(values)) for value in values] == texts


def test_the_best_never_looks_like_the_next():
    runs = [a_run(str(n), n=n, metrics={"bce": bce}) for n, bce in enumerate([0.123441, 0.123449])]
    comparison = aggregate(runs)
    best = comparison.best(comparison.metrics[0], comparison.rows)
    assert cell_texts(comparison.metrics[0], comparison.rows, best) == ["0.123441", "0.123449"]
