"""Distances between two sets of pieces per metric: overlapping area and KL divergence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from musicgen.measure.music import describe
from musicgen.measure.statistics import LEVEL
from musicgen.music.metrics.histograms import (
    inter_onset_histogram,
    note_length_histogram,
    pitch_class_histogram,
)
from musicgen.music.notes import Performance

GRID = 512  # points at which two densities are compared
_FLOOR = 1e-6  # density floor relative to uniform; keeps the divergence finite


@dataclass(frozen=True)
class Estimate:
    """An estimate with its confidence interval.

    Attributes:
        value: The estimate; NaN if undefined.
        low: Lower end of the 95 % interval.
        high: Upper end.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Distance:
    """Distance of pieces from real ones in one metric.

    Attributes:
        overlap: Overlapping area, 0 (disjoint) to 1 (equal).
        divergence: KL divergence in nats, 0 or more.
    """

    overlap: Estimate
    divergence: Estimate


def features(pieces: Sequence[Performance]) -> dict[str, Float[np.ndarray, "pieces dims"]]:
    """Compute every metric of pieces: the scalars of `describe` and three histograms.

    Args:
        pieces: The pieces, including silent ones.

    Returns:
        Metric to one row per piece; NaN if it does not apply.
    """
    scalars = [describe(piece) for piece in pieces]
    rows = {name: np.array([[row[name]] for row in scalars]) for name in (scalars[0] if scalars else ())}
    histograms = {
        "pitch_class_histogram": pitch_class_histogram,
        "note_length_histogram": note_length_histogram,
        "inter_onset_histogram": inter_onset_histogram,
    }
    return rows | {name: np.array([take(piece) for piece in pieces]) for name, take in histograms.items()}


def set_distance(
    real: Float[np.ndarray, "real dims"],
    generated: Float[np.ndarray, "generated dims"],
    *,
    generator: np.random.Generator,
    real_groups: Int[np.ndarray, " real"] | None = None,
    resamples: int = 200,
) -> Distance:
    """Compare distances within the real pieces with those from generated to real ones, in one metric.

    Yang and Lerch 2018, section 3.4: intra-set distances are those of all pairs of real pieces, inter-set
    distances those of each generated with each real piece, Euclidean. The interval is a bootstrap over
    pieces on both sides; a piece is never compared with its own copy.

    Args:
        real: One row per piece or excerpt; rows with NaN are left out.
        generated: The metric of the generated pieces.
        generator: Random generator of the bootstrap's draws.
        real_groups: Piece of each real row, so that excerpts of a piece are drawn together and not compared
            with each other; by default each row is a piece.
        resamples: Number of bootstrap draws.

    Returns:
        NaN if fewer than two real pieces or no generated piece have the metric.
    """
    groups = np.arange(len(real)) if real_groups is None else np.asarray(real_groups)
    known = ~np.isnan(real).any(axis=1)
    real, groups, generated = real[known], groups[known], generated[~np.isnan(generated).any(axis=1)]
    if len(np.unique(groups)) < 2 or not len(generated):
        nothing = Estimate(*[float("nan")] * 3)
        return Distance(nothing, nothing)
    pairs = _Pairs(real, generated, groups)
    value = pairs.compare(np.ones(len(real)), np.ones(len(generated)))
    names, of_group = np.unique(groups, return_inverse=True)
    draws = [
        pairs.compare(_draw(len(names), generator)[of_group], _draw(len(generated), generator))
        for _ in range(resamples)
    ]
    overlap, divergence = (
        Estimate(one, *_interval(np.array(drawn)))
        for one, drawn in zip(value, zip(*draws, strict=True), strict=True)
    )
    return Distance(overlap, divergence)


def distances(
    real: Mapping[str, Float[np.ndarray, "real dims"]],
    generated: Mapping[str, Float[np.ndarray, "generated dims"]],
    *,
    seed: int = 0,
    real_groups: Int[np.ndarray, " real"] | None = None,
    resamples: int = 200,
) -> dict[str, Distance]:
    """Compare two sets of pieces in every metric.

    Args:
        real: `features` of real pieces.
        generated: `features` of generated pieces.
        seed: Seed of the bootstrap.
        real_groups: Piece of each real row, see `set_distance`.
        resamples: Number of bootstrap draws.

    Returns:
        Metric to distance.
    """
    return {
        name: set_distance(
            real[name],
            generated[name],
            generator=np.random.default_rng(seed),
            real_groups=real_groups,
            resamples=resamples,
        )
        for name in real
        if name in generated
    }


class _Pairs:
    """Binned distances of all pairs of two sets, so that a resample is a weighted count."""

    def __init__(self, real: np.ndarray, generated: np.ndarray, groups: np.ndarray) -> None:
        within = _euclidean(real, real)
        across = _euclidean(real, generated)
        self.apart = np.triu(groups[:, None] != groups[None, :])
        span = max(within.max(initial=0.0), across.max(initial=0.0))
        self.width = _bandwidth(within[self.apart]), _bandwidth(across.ravel())
        self.top = span + 4 * max(self.width) or 1.0
        self.within = _bins(within[self.apart], self.top)
        self.across = _bins(across.ravel(), self.top)

    def compare(self, real_weight: np.ndarray, generated_weight: np.ndarray) -> tuple[float, float]:
        """Return overlap and divergence for given counts of each piece."""
        intra = np.outer(real_weight, real_weight)[self.apart]
        inter = np.outer(real_weight, generated_weight).ravel()
        if not intra.any() or not inter.any():
            return float("nan"), float("nan")
        p = _density(self.within, intra, self.width[0], self.top)
        q = _density(self.across, inter, self.width[1], self.top)
        return _overlap(p, q), _divergence(p, q)


def _euclidean(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.sqrt(((first[:, None] - second[None]) ** 2).sum(axis=-1))


def _bandwidth(sample: np.ndarray) -> float:
    """Return Scott's bandwidth: the standard deviation times n to the power of -1/5."""
    return float(np.std(sample, ddof=1) * len(sample) ** -0.2) if len(sample) > 1 else 0.0


def _bins(sample: np.ndarray, top: float) -> np.ndarray:
    return np.minimum((sample / top * GRID).astype(np.int64), GRID - 1)


def _density(bins: np.ndarray, weights: np.ndarray, width: float, top: float) -> np.ndarray:
    """Return the kernel estimate as shares of `GRID` cells from 0 to `top`, mirrored at both ends."""
    from scipy.ndimage import gaussian_filter1d

    counts = np.bincount(bins, weights=weights, minlength=GRID)
    sigma = width / top * GRID
    smooth = gaussian_filter1d(counts, sigma, mode="reflect") if sigma > 0 else counts
    return smooth / smooth.sum()


def _overlap(p: np.ndarray, q: np.ndarray) -> float:
    return float(np.minimum(p, q).sum())


def _divergence(p: np.ndarray, q: np.ndarray) -> float:
    p, q = ((one + _FLOOR / len(one)) / (1 + _FLOOR) for one in (p, q))
    return float(max(0.0, (p * np.log(p / q)).sum()))


def _draw(count: int, generator: np.random.Generator) -> Float[np.ndarray, " count"]:
    """Return how often each of `count` items occurs in `count` draws with replacement."""
    return np.bincount(generator.integers(count, size=count), minlength=count).astype(float)


def _interval(drawn: np.ndarray) -> tuple[float, float]:
    if np.isnan(drawn).all():
        return float("nan"), float("nan")
    low, high = np.nanquantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
