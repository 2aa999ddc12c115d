"""Headline metrics in a few words, beside what is trivial or real."""

import math

import pytest

from musicgen.measure.headlines import headlines, short_number

METRICS = {
    "vq_vae/val/bce": 0.0294,
    "vq_vae/train/bce": 0.01,
    "vq_vae/val/perplexity": 14.12,
    "vq_vae/val/onset_f1": 0.8712,
    "transformer/val/nats_per_code": 2.1234,
    "val/bits_per_quarter": 48.26,
    "baseline/constant/bce": 0.2,
    "baseline/pitch/bce": 0.1283,
    "baseline/bigram/nats_per_code": 2.5,
    "baseline/unigram/nats_per_code": math.nan,
    "generated/scale_consistency": 0.91,
    "real/scale_consistency": 0.95,
    "generated/polyphony": 3.0,
}


def test_six_metrics_stand_beside_the_best_trivial_one_or_real_music() -> None:
    assert [one.text for one in headlines(METRICS)] == [
        "BCE .0294 (trivial .128)",
        "perplexity 14.1",
        "onset F1 .87",
        "nats a code 2.12 (trivial 2.5)",
        "bits a quarter 48.3",
        "scale consistency .91 (real .95)",
    ]


def test_trivial_values_may_come_from_elsewhere() -> None:
    only = {"vq_vae/val/bce": 0.03}
    assert [one.text for one in headlines(only, {"baseline/pitch/bce": 0.5})] == ["BCE .03 (trivial .5)"]
    assert [one.text for one in headlines(only, {})] == ["BCE .03"]
    assert headlines({"transformer/lr": 0.1}) == []


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0294, ".0294"), (-0.5, "-.5"), (0.0, "0"), (1.0, "1"), (10.04, "10"), (1110.4, "1,110")],
)
def test_numbers_are_short(value: float, text: str) -> None:
    assert short_number(value) == text
    assert short_number(math.nan) == "–"
