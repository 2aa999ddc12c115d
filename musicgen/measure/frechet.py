"""Fréchet distance of two sets of embeddings."""

import numpy as np
from jaxtyping import Float, Int

from musicgen.measure.distances import Estimate
from musicgen.measure.statistics import LEVEL


def frechet_distance(first: Float[np.ndarray, "a dims"], second: Float[np.ndarray, "b other_dims"]) -> float:
    """Measure how far two clouds are apart, as if both were Gaussian (0 and above).

    |μ1 - μ2|² + tr(Σ1 + Σ2 - 2 (Σ1 Σ2)^½), Fréchet 1957; Heusel et al. 2017, equation 6. It falls with the
    number of rows, so compare only metrics taken from equally many.

    Args:
        first: Embeddings, two rows or more.
        second: The same number of dimensions.

    Returns:
        In squared units of the embedding; NaN below two rows on a side.

    Raises:
        ValueError: The dimensions differ.
    """
    if first.shape[1:] != second.shape[1:]:
        raise ValueError(
            f"embeddings have shapes {first.shape} and {second.shape}; take both from one classifier"
        )
    if len(first) < 2 or len(second) < 2:
        return float("nan")
    gap = ((first.mean(axis=0) - second.mean(axis=0)) ** 2).sum()
    cov_1, cov_2 = (np.atleast_2d(np.cov(rows, rowvar=False)) for rows in (first, second))
    # tr (Σ1 Σ2)^½ is the sum of the singular values of R1 R2', where Σ = R'R.
    roots = [_root(cov) for cov in (cov_1, cov_2)]
    shared = np.linalg.svd(roots[0] @ roots[1], compute_uv=False).sum()
    return float(max(0.0, gap + np.trace(cov_1) + np.trace(cov_2) - 2 * shared))


def frechet_estimate(
    first: Float[np.ndarray, "a dims"],
    second: Float[np.ndarray, "b other_dims"],
    *,
    first_groups: Int[np.ndarray, " a"],
    second_groups: Int[np.ndarray, " b"],
    generator: np.random.Generator,
    resamples: int = 200,
) -> Estimate:
    """Measure the distance with an interval: a bootstrap over the pieces that the clips are from.

    Args:
        first: Embeddings of clips.
        second: The same.
        first_groups: Which piece each clip is from; clips of a piece are drawn together.
        second_groups: The same for the second.
        generator: Of the bootstrap's draws.
        resamples: Bootstrap draws.

    Returns:
        The distance; its interval is shifted to be centred on it, because a resample, which holds pieces
        twice, lies farther off than the sample does.
    """
    value = frechet_distance(first, second)
    drawn = np.array(
        [
            frechet_distance(
                first[_resampled(first_groups, generator)], second[_resampled(second_groups, generator)]
            )
            for _ in range(resamples)
        ]
    )
    if not len(drawn) or np.isnan(drawn).all():
        return Estimate(value, float("nan"), float("nan"))
    low, high = np.nanquantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]) + value - np.nanmean(drawn)
    return Estimate(value, float(max(0.0, low)), float(high))


def _root(covariance: np.ndarray) -> np.ndarray:
    """Give the symmetric square root of a covariance."""
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T


def _resampled(groups: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    names = np.unique(groups)
    return np.concatenate([np.flatnonzero(groups == name) for name in generator.choice(names, len(names))])
