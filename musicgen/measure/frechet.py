"""Fréchet distance of two sets of embeddings."""

import numpy as np
from jaxtyping import Float, Int

from musicgen.measure.distances import Estimate
from musicgen.measure.statistics import LEVEL


def frechet_distance(first: Float[np.ndarray, "a dims"], second: Float[np.ndarray, "b other_dims"]) -> float:
    """Compute the Fréchet distance of Gaussians fitted to two sets of embeddings (0 or more).

    |μ1 - μ2|² + tr(Σ1 + Σ2 - 2 (Σ1 Σ2)^½), Fréchet 1957; Heusel et al. 2017, equation 6. It is biased
    by the number of rows, so compare only sets of equal size.

    Args:
        first: Embeddings, two rows or more.
        second: Embeddings of the same dimension.

    Returns:
        The distance in squared units of the embedding; NaN if a side has fewer than two rows.

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
    """Compute the distance with a bootstrap interval over pieces.

    Args:
        first: Embeddings of clips.
        second: Embeddings of clips.
        first_groups: Piece of each clip; clips of a piece are drawn together.
        second_groups: Piece of each clip of the second set.
        generator: Random generator of the bootstrap's draws.
        resamples: Number of bootstrap draws.

    Returns:
        The distance; its interval is centred on it, because resamples, which repeat pieces, have a larger
        distance.
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
    """Return the symmetric square root of a covariance."""
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T


def _resampled(groups: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    names = np.unique(groups)
    return np.concatenate([np.flatnonzero(groups == name) for name in generator.choice(names, len(names))])
