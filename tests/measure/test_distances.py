import numpy as np
import pytest
from scipy.stats import gaussian_kde

from musicgen.measure.distances import (
    distances,
    features,
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


def oracle(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Overlap and divergence of two samples of distances by another road: scipy's densities, integrated."""
    one, other = gaussian_kde(first), gaussian_kde(second)
    grid = np.linspace(0, 3 * max(first.max(), second.max()), 60_000)
    p, q = (density(grid) + density(-grid) for density in (one, other))
    p, q = p / p.sum(), q / q.sum()
    known = p > 1e-12
    return float(np.minimum(p, q).sum()), float((p * np.log(p / np.maximum(q, 1e-12)))[known].sum())


def test_alike_pieces_overlap_and_pieces_apart_share_nothing():
    real, alike, apart = (gaussian(mean, count=60)[:, None] for mean in (0, 1, 90))
    near = set_distance(real, alike - 1.0, generator=seeded(0), resamples=2)
    far = set_distance(real, apart, generator=seeded(0), resamples=2)
    assert near.overlap.value > 0.9
    assert near.divergence.value < 0.05
    assert far.overlap.value < 1e-3
    assert far.divergence.value > 5


def test_nothing_to_compare_is_not_a_number():
    lonely = set_distance(np.ones((1, 1)), np.ones((4, 1)), generator=seeded(0))
    assert np.isnan(lonely.overlap.value)
    unknown = set_distance(np.ones((4, 1)), np.full((4, 1), np.nan), generator=seeded(0))
    assert np.isnan(unknown.divergence.value)


def test_pairs_are_those_within_the_real_and_those_across():
    real, generated = np.array([[0.0], [1.0], [3.0]]), np.array([[10.0], [11.0]])
    found = set_distance(real, generated, generator=seeded(0), resamples=2)

    intra, inter = np.array([1.0, 3.0, 2.0]), np.array([10.0, 9.0, 7.0, 11.0, 10.0, 8.0])
    overlap, divergence = oracle(intra, inter)
    assert found.overlap.value == pytest.approx(overlap, abs=0.01)
    assert found.divergence.value == pytest.approx(divergence, rel=0.05)


def test_excerpts_of_one_piece_are_not_compared_with_each_other():
    real, groups = np.array([[0.0], [0.0], [5.0], [5.0]]), np.array([0, 0, 1, 1])
    found = set_distance(real, np.array([[0.0], [5.0]]), generator=seeded(0), real_groups=groups, resamples=2)

    # Within: the four pairs across the pieces, all 5 apart. Across: half are 0 and half 5 apart.
    assert 0 < found.overlap.value < 0.6
    alone = set_distance(real, np.array([[0.0], [5.0]]), generator=seeded(0), resamples=2)
    assert alone.overlap.value > found.overlap.value  # with the pairs within a piece


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
