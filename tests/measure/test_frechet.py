import numpy as np
import pytest
from scipy.linalg import sqrtm

from musicgen.measure.frechet import frechet_distance, frechet_estimate


def cloud(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def test_one_dimension_by_hand():
    # Means 1 and 4, variances 2 and 8: 9 + 2 + 8 - 2 * 4.
    assert frechet_distance(np.array([[0.0], [2.0]]), np.array([[2.0], [6.0]])) == pytest.approx(11)


def test_a_shift_counts_squared_and_nothing_counts_nothing():
    rows = cloud(50, 3)

    assert frechet_distance(rows, rows) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(rows, rows + np.array([3, 4, 0])) == pytest.approx(25)


def test_it_is_the_published_formula():
    first, second = cloud(40, 4) @ cloud(4, 4, seed=1), cloud(30, 4, seed=2) @ cloud(4, 4, seed=3) + 1
    cov_1, cov_2 = np.cov(first, rowvar=False), np.cov(second, rowvar=False)

    gap = ((first.mean(axis=0) - second.mean(axis=0)) ** 2).sum()
    expected = gap + np.trace(cov_1 + cov_2 - 2 * sqrtm(cov_1 @ cov_2).real)

    assert frechet_distance(first, second) == pytest.approx(expected)


def test_fewer_rows_than_dimensions_still_give_a_distance():
    first, second = cloud(5, 20), cloud(5, 20, seed=1)

    assert 0 < frechet_distance(first, second) < 200
    assert np.isnan(frechet_distance(first[:1], second))


def test_clouds_of_different_embeddings_are_refused():
    with pytest.raises(ValueError, match="one classifier"):
        frechet_distance(cloud(5, 2), cloud(5, 3))


def test_the_interval_is_over_pieces_and_holds_the_value():
    first, second = cloud(60, 2), cloud(60, 2, seed=1) + 1

    def estimate(groups: np.ndarray):
        return frechet_estimate(
            first,
            second,
            first_groups=groups,
            second_groups=groups,
            generator=np.random.default_rng(0),
            resamples=60,
        )

    alone, together = estimate(np.arange(60)), estimate(np.zeros(60, int))

    assert alone.low < alone.value == frechet_distance(first, second) < alone.high
    assert together.low == pytest.approx(together.high)  # one piece on each side: nothing varies
