"""Two metrics against each other: which runs are not beaten, and the picture of it."""

import numpy as np
import pytest

from musicgen.reports.compare.aggregate import aggregate
from musicgen.reports.compare.pareto import draw_front, front_metrics, pareto_front
from tests.reports.run_folders import a_run


def comparison_of(points, **better):
    runs = [
        a_run(str(n), n=n, metrics={"a/bce": float(bce), "b/f1": float(f1), "c": float(n)})
        for n, (bce, f1) in enumerate(points)
    ]
    return aggregate(runs, better=better)


def front_of(points) -> set[int]:
    comparison = comparison_of(points)
    a, b = front_metrics(comparison, ["a/bce", "b/f1"])
    return {int(comparison.rows[index].settings[0]) for index in pareto_front(comparison.rows, a, b)}


def test_the_front_of_a_handful_by_hand():
    # lower a and higher b are better: 1 is beaten by 0, 3 by 2; 4 equals 2
    assert front_of([(1, 0.5), (1, 0.4), (2, 0.9), (3, 0.9), (2, 0.9)]) == {0, 2, 4}


def test_what_has_no_value_is_not_on_the_front():
    assert front_of([(1, np.nan), (2, 0.9), (np.nan, 1.0)]) == {1}


def test_no_point_of_the_front_is_beaten_and_every_other_is():
    points = np.random.default_rng(3).random((60, 2)).round(1)
    bad = points * [1, -1]
    beaten = {
        i for i, one in enumerate(bad) if any((other <= one).all() and (other < one).any() for other in bad)
    }
    assert front_of(points) == set(range(60)) - beaten


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a/bce"], "use two metrics"),
        (["a/bce", "a/bce"], "use two metrics"),
        (["a/bce", "b/f2"], "'b/f2' is no metric"),
        (["a/bce", "c"], "which way c is better"),
    ],
)
def test_metrics_without_a_front_are_refused(names, message):
    with pytest.raises(ValueError, match=message):
        front_metrics(comparison_of([(1, 1), (2, 2)]), names)


def test_the_picture_is_drawn(tmp_path):
    path = draw_front(
        comparison_of([(1, 0.1), (2, 0.9), (3, 0.5)]), ["a/bce", "b/f1"], tmp_path / "front.png"
    )
    assert path.read_bytes().startswith(b"\x89PNG")
