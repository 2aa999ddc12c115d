"""Statistics of few runs: mean and interval over seeds, and whether two groups differ."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

LEVEL = 0.95


@dataclass(frozen=True)
class Summary:
    """A metric over the runs of a group."""

    n: int
    mean: float  # NaN without any run
    sd: float = math.nan  # of the sample, n - 1; NaN below two runs
    half_width: float = math.nan  # of the 95 % interval of the mean; NaN below two runs


@dataclass(frozen=True)
class Contrast:
    """Two groups compared on one metric."""

    metric: str
    first: str
    second: str
    n_first: int
    n_second: int
    difference: float  # mean of the first - mean of the second
    low: float  # 95 % bootstrap interval of the difference
    high: float
    p: float  # Welch's t test, two-sided; NaN where a group has one run
    p_holm: float = math.nan  # the same, corrected for the number of pairs


def summarize(values: Sequence[float], level: float = LEVEL) -> Summary:
    """Average a metric over runs, with Student's interval of the mean.

    Args:
        values: One value per run; NaN (a run without the metric) is ignored.
        level: Confidence, 0 to 1.

    Returns:
        n, mean, sample standard deviation and half the width of the interval.
    """
    known = [value for value in values if not math.isnan(value)]
    n = len(known)
    if n == 0:
        return Summary(0, math.nan)
    if n == 1:
        return Summary(1, known[0])
    if min(known) == max(known):  # exactly, where the mean's rounding would leave a spread of 1e-17
        return Summary(n, known[0], 0.0, 0.0)
    mean = math.fsum(known) / n
    sd = math.sqrt(math.fsum((value - mean) ** 2 for value in known) / (n - 1))
    return Summary(n, mean, sd, student(n, level) * sd / math.sqrt(n))


def student(n: int, level: float = LEVEL) -> float:
    """Return the quantile of Student's t for the interval of a mean of n values.

    Args:
        n: Number of values, at least 2.
        level: Confidence, 0 to 1.

    Returns:
        The factor on the standard error: 12.71 for 2 values, 4.30 for 3.
    """
    from scipy.stats import t

    return float(t.ppf((1 + level) / 2, n - 1))


def contrast(
    metric: str,
    first: tuple[str, Sequence[float] | np.ndarray],
    second: tuple[str, Sequence[float] | np.ndarray],
    *,
    generator: np.random.Generator,
    resamples: int = 10_000,
) -> Contrast:
    """Compare two groups of runs on one metric.

    With few seeds the bootstrap interval is too narrow (three runs have only ten distinct
    resamples): the p value is the one to believe, and n is always stated.

    Args:
        metric: The metric's name.
        first: Name and values of one group.
        second: Name and values of the other.
        generator: Random generator of the bootstrap's draws.
        resamples: Number of bootstrap draws.

    Returns:
        The difference of the means with its interval, and Welch's p value.
    """
    a, b = (np.array([v for v in values if not math.isnan(v)]) for _, values in (first, second))
    result = Contrast(metric, first[0], second[0], len(a), len(b), *[math.nan] * 4)
    if len(a) == 0 or len(b) == 0:
        return result
    result = replace(result, difference=float(a.mean() - b.mean()))
    if len(a) < 2 or len(b) < 2:
        return result
    draws = [generator.choice(values, (resamples, len(values))).mean(axis=1) for values in (a, b)]
    low, high = np.quantile(draws[0] - draws[1], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return replace(result, low=float(low), high=float(high), p=_welch(a, b))


def all_contrasts(
    metric: str,
    groups: Mapping[str, Sequence[float] | np.ndarray],
    *,
    reference: str | None = None,
    seed: int = 0,
) -> list[Contrast]:
    """Compare every pair of groups on one metric, with Holm's correction over the pairs.

    Args:
        metric: The metric's name.
        groups: Values by group name; a group without values is skipped.
        reference: Only compare with this group; None for all pairs.
        seed: Seed of the bootstrap.

    Returns:
        One contrast per pair, in the order of the groups.
    """
    generator = np.random.default_rng(seed)
    known = [(name, values) for name, values in groups.items() if not all(map(math.isnan, values))]
    pairs = itertools.combinations(known, 2)
    chosen = [pair for pair in pairs if reference in (None, pair[0][0], pair[1][0])]
    found = [contrast(metric, a, b, generator=generator) for a, b in chosen]
    corrected = holm([result.p for result in found])
    return [replace(result, p_holm=p) for result, p in zip(found, corrected, strict=True)]


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p values for multiple tests (Holm 1979).

    Args:
        p_values: Two-sided p values; NaN where there was no test.

    Returns:
        Corrected values in the same order, NaN where it was NaN.
    """
    tested = sorted((p, index) for index, p in enumerate(p_values) if not math.isnan(p))
    corrected = [math.nan] * len(p_values)
    largest = 0.0
    for rank, (p, index) in enumerate(tested):
        largest = max(largest, min(1.0, p * (len(tested) - rank)))
        corrected[index] = largest
    return corrected


def _welch(a: np.ndarray, b: np.ndarray) -> float:
    """Run Welch's t test; without any variance, p is 0 or 1."""
    from scipy.stats import ttest_ind_from_stats

    if a.std() == 0 and b.std() == 0:
        return 1.0 if a[0] == b[0] else 0.0
    of_a, of_b = ((float(v.mean()), float(v.std(ddof=1)), len(v)) for v in (a, b))
    _, p = ttest_ind_from_stats(*of_a, *of_b, equal_var=False)
    return float(p)
