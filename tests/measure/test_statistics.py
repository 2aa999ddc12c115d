"""Intervals over seeds and tests between groups."""

import math

import numpy as np
import pytest

from musicgen.measure.statistics import all_contrasts, holm, student, summarize


def test_the_interval_is_students():
    summary = summarize([1.0, 2.0, 3.0, math.nan])
    assert (summary.n, summary.mean, summary.sd) == (3, 2.0, 1.0)
    assert summary.half_width == pytest.approx(4.303 / math.sqrt(3), abs=1e-3)
    assert student(2) == pytest.approx(12.706, abs=1e-3)


def test_the_interval_holds_what_it_promises():
    generator = np.random.default_rng(0)
    samples = generator.normal(7, 2, (2000, 4))
    inside = [abs(summary.mean - 7) < summary.half_width for summary in map(summarize, samples.tolist())]
    assert 0.935 < np.mean(inside) < 0.965


def test_one_run_has_no_interval_and_equal_runs_none_of_rounding():
    assert math.isnan(summarize([1.0]).half_width)
    assert math.isnan(summarize([]).mean)
    assert summarize([0.2071] * 3).half_width == 0


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, math.nan])[:3] == pytest.approx([0.03, 0.06, 0.06])
    assert math.isnan(holm([0.01, math.nan])[1])


def test_groups_that_differ_are_told_from_groups_that_do_not():
    generator = np.random.default_rng(1)
    groups = {"a": generator.normal(0, 1, 8), "b": generator.normal(0, 1, 8), "c": generator.normal(5, 1, 8)}
    found = {(one.first, one.second): one for one in all_contrasts("bce", groups)}
    assert found["a", "b"].p_holm > 0.05 > found["a", "c"].p_holm
    assert found["a", "c"].low < found["a", "c"].difference < found["a", "c"].high < 0
    assert {(one.n_first, one.n_second) for one in found.values()} == {(8, 8)}


def test_single_runs_are_compared_without_a_test():
    (one,) = all_contrasts("bce", {"a": [1.0], "b": [3.0], "nothing": [math.nan]})
    assert (one.difference, one.n_first) == (-2.0, 1)
    assert math.isnan(one.p)
