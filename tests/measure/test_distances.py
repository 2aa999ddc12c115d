import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import gaussian_kde

from musicgen.measure.distances import (
    distances,
    features,
    kl_divergence,
    overlapping_area,
    set_distance,
)
from musicgen.music.notes import Performance


def seeded(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def gaussian(mean: float, *, count: int = 4000) -> np.ndarray:
    return seeded(int(mean)).normal(mean, 1.0, count)


def scale(tonic: int, *, notes: int = 16, length: float = 0.5) -> Performance:
    onset = np.arange(notes) / 2
    steps = np.array([0, 2, 4, 5, 7, 9, 11, 12])
    return Performance.from_arrays(
        tonic + steps[np.arange(notes) % 8],
        onset_s=onset / 2,
        offset_s=(onset + length) / 2,
        onset_quarters=onset,
        offset_quarters=onset + length,
    )


def test_equal_samples_overlap_wholly_and_do_not_diverge():
    sample = np.abs(seeded(0).normal(0, 1, 300))

    assert overlapping_area(sample, sample) == pytest.approx(1)
    assert kl_divergence(sample, sample) == pytest.approx(0, abs=1e-9)


def test_samples_apart_share_nothing():
    near, far = gaussian(10), gaussian(100)

    assert overlapping_area(near, far) < 1e-3
    assert kl_divergence(near, far) > 5


@pytest.mark.parametrize("gap", [1, 2, 3])
def test_gaussians_overlap_as_their_formula_says(gap):
    from scipy.stats import norm

    first, second = gaussian(20), gaussian(20 + gap)

    assert overlapping_area(first, second) == pytest.approx(2 * norm.cdf(-gap / 2), abs=0.03)
    assert kl_divergence(first, second) == pytest.approx(gap**2 / 2, rel=0.2)


def test_away_from_zero_it_is_the_authors_overlapping_area():
    first, second = gaussian(20, count=200), gaussian(21, count=150)
    one, other = gaussian_kde(first), gaussian_kde(second)

    expected, _ = quad(lambda x: min(one(x)[0], other(x)[0]), 10, 31, limit=200)

    assert overlapping_area(first, second) == pytest.approx(expected, abs=0.01)


def test_nothing_to_compare_is_not_a_number():
    assert np.isnan(overlapping_area(np.zeros(0), np.ones(3)))
    lonely = set_distance(np.ones((1, 1)), np.ones((4, 1)), generator=seeded(0))
    assert np.isnan(lonely.overlap.value)
    unknown = set_distance(np.ones((4, 1)), np.full((4, 1), np.nan), generator=seeded(0))
    assert np.isnan(unknown.divergence.value)


def test_pairs_are_those_within_the_real_and_those_across():
    real, generated = np.array([[0.0], [1.0], [3.0]]), np.array([[10.0], [11.0]])
    found = set_distance(real, generated, generator=seeded(0), resamples=2)

    intra, inter = np.array([1.0, 3.0, 2.0]), np.array([10.0, 9.0, 7.0, 11.0, 10.0, 8.0])
    assert found.overlap.value == pytest.approx(overlapping_area(intra, inter), abs=1e-6)
    assert found.divergence.value == pytest.approx(kl_divergence(intra, inter), rel=1e-6)


def test_excerpts_of_one_piece_are_not_compared_with_each_other():
    real, groups = np.array([[0.0], [0.0], [5.0], [5.0]]), np.array([0, 0, 1, 1])
    found = set_distance(real, np.array([[0.0], [5.0]]), generator=seeded(0), real_groups=groups, resamples=2)

    within, across = np.full(4, 5.0), np.array([0.0, 0.0, 0.0, 0.0, 5.0, 5.0, 5.0, 5.0])
    assert found.overlap.value == pytest.approx(overlapping_area(within, across), abs=1e-6)


def test_the_interval_holds_the_value_and_narrows_with_more_pieces():
    def width(count: int) -> float:
        random = seeded(1)
        found = set_distance(
            random.normal(0, 1, (count, 1)), random.normal(1, 1, (count, 1)), generator=seeded(2)
        )
        assert found.overlap.low <= found.overlap.value <= found.overlap.high
        assert found.divergence.low <= found.divergence.value <= found.divergence.high
        return found.overlap.high - found.overlap.low

    assert width(80) < width(10)


def test_pieces_like_the_real_ones_are_nearer_than_others_in_what_differs():
    real = features([scale(48 + n, length=0.5 + 0.01 * n) for n in range(8)])
    alike = features([scale(52 + n, length=0.53 + 0.01 * n) for n in range(4)])
    short = features([scale(52 + n, length=0.1 + 0.01 * n) for n in range(4)])

    near, far = distances(real, alike, resamples=5), distances(real, short, resamples=5)

    assert near.keys() == real.keys()
    assert near["note_length_quarters"].overlap.value > 0.5 > far["note_length_quarters"].overlap.value
    assert near["scale_consistency"].overlap.value == pytest.approx(1)
    assert real["pitch_class_histogram"].shape == (8, 12)
