"""Pieces are measured one by one and averaged; the table on screen and page pairs them with real music."""

import csv
import io
import math
from collections import Counter

import pytest

from musicgen.measure.evaluate import music_metrics
from musicgen.measure.generated import GeneratedMetrics
from musicgen.measure.music import averages, describe, measure, progressions, table_of
from musicgen.measure.spec import METRICS
from musicgen.music.theory.harmony import describe_harmony
from tests.conftest import etude


def test_averages_are_of_the_pieces_that_sound() -> None:
    first, second = etude(0), etude(1)
    silent = first.between_quarters(90, 99)
    metrics = music_metrics([first, silent, second], prefix="generated")
    assert metrics["generated/pieces"] == 3
    assert metrics["generated/silent_pieces"] == 1
    expected = (describe(first)["polyphony"] + describe(second)["polyphony"]) / 2
    assert metrics["generated/polyphony"] == pytest.approx(expected)
    assert metrics["generated/triad_rate"] == pytest.approx(
        (describe_harmony(first)["triad_rate"] + describe_harmony(second)["triad_rate"]) / 2
    )
    assert all(math.isfinite(value) for value in metrics.values())


def test_progressions_are_known_or_not() -> None:
    measured = measure([("a", etude(0)), ("b", etude(1))])
    grams = progressions(measured)
    assert averages(measured, prefix="generated", real=grams)["generated/shared_progressions"] == 1.0
    foreign = Counter({("I", "II", "III"): 1})
    assert averages(measured, prefix="generated", real=foreign)["generated/shared_progressions"] == 0.0


def test_every_metric_of_a_piece_has_a_meaning() -> None:
    (measured,) = measure([("a", etude(0))])
    generated_metrics = GeneratedMetrics([measured], [measured], progressions([measured]))
    leaves = {name.rpartition("/")[2] for name in generated_metrics.metrics()} | set(measured.metrics)
    assert leaves <= set(METRICS)


def test_the_table_of_pieces_has_a_row_each() -> None:
    silent = etude(0).between_quarters(90, 99)
    rows = list(csv.DictReader(io.StringIO(table_of(measure([("a.mid", etude(0)), ("b.mid", silent)])))))
    assert [row["piece"] for row in rows] == ["a.mid", "b.mid"]
    assert float(rows[0]["polyphony"]) == pytest.approx(describe(etude(0))["polyphony"], rel=1e-5)
    assert rows[0]["key"].split()[1] in ("major", "minor")
    assert (rows[1]["notes"], rows[1]["key"], rows[1]["polyphony"], rows[1]["copy_notes"]) == (
        "0",
        "",
        "",
        "",
    )
