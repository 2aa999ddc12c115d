"""How often onsets lie a period apart, around each onset: evidence of the local tempo."""

from functools import cache

import numpy as np
from jaxtyping import Float64

_LONGEST_LAG_S = 4.9
_BIN_S = 0.01
_NUM_BINS = 490
_BLOCK_S = 0.5  # the tempo is looked at twice a second
_REACH = 12  # blocks on each side: 6 s
_SPREAD_S = 0.03  # standard deviation of a lag
_BROAD = 101  # bins over which lags are averaged to see which stand out
_FLOOR = 0.3
_MULTIPLES = ((1, 1.0), (2, 0.4), (3, 0.4))  # of the period, and their weights
_LONGEST_REST_S = 6.0


def period_evidence(
    times_s: Float64[np.ndarray, " onsets"],
    *,
    weights: Float64[np.ndarray, " onsets"],
    periods_s: Float64[np.ndarray, " periods"],
) -> Float64[np.ndarray, "onsets periods"]:
    """Measure how many pairs of weighty onsets near each onset lie one, two or three periods apart.

    Args:
        times_s: Onsets, ascending.
        weights: How much each stands out, above 0.
        periods_s: Periods of a beat, up to 1.6 s.

    Returns:
        Weighted sum of logarithms of the pairs at each multiple over those at neighbouring lags.
    """
    time_s = np.r_[0.0, np.cumsum(np.minimum(np.diff(times_s), _LONGEST_REST_S))]
    block = (time_s / _BLOCK_S).astype(np.int64)
    standing_out = _standing_out(_smoothed(_count_lags(time_s, weights)))
    evidence = np.zeros((len(standing_out), len(periods_s)))
    for multiple, weight in _MULTIPLES:
        evidence += weight * np.log(_FLOOR + standing_out @ _around(multiple * periods_s))
    return evidence[block]


def _count_lags(
    time_s: Float64[np.ndarray, " onsets"], weights: Float64[np.ndarray, " onsets"]
) -> Float64[np.ndarray, "blocks bins"]:
    """Add up the weights of pairs of onsets by the time between them and the block in their middle."""
    counts = np.zeros((int(time_s[-1] / _BLOCK_S) + 1, _NUM_BINS))
    for step in range(1, len(time_s)):
        lag_s = time_s[step:] - time_s[:-step]
        near = np.flatnonzero(lag_s < _LONGEST_LAG_S - 1e-6)
        if not len(near):
            break
        block = ((time_s[near] + lag_s[near] / 2) / _BLOCK_S).astype(np.int64)
        bins = (lag_s[near] / _BIN_S).astype(np.int64)
        np.add.at(counts, (block, bins), weights[near] * weights[near + step])
    return counts


def _smoothed(counts: Float64[np.ndarray, "blocks bins"]) -> Float64[np.ndarray, "blocks bins"]:
    """Average over 6 s on each side, the nearest blocks most."""
    window = np.hanning(2 * _REACH + 3)[1:-1]
    padded = np.pad(counts, ((_REACH, _REACH), (0, 0)))
    smooth = np.zeros_like(counts)
    for shift, weight in enumerate(window.tolist()):
        smooth += weight * padded[shift : shift + len(counts)]
    return smooth


def _standing_out(counts: Float64[np.ndarray, "blocks bins"]) -> Float64[np.ndarray, "blocks bins"]:
    """Divide counts by those of lags up to half a second away."""
    usual = counts @ _broad_window()
    return counts / (usual + 0.05 * usual.mean(axis=1, keepdims=True) + 1e-3)


@cache
def _broad_window() -> Float64[np.ndarray, "bins bins"]:
    window = np.hanning(_BROAD)
    distance = np.abs(np.arange(_NUM_BINS)[:, None] - np.arange(_NUM_BINS))
    weights = np.where(distance <= _BROAD // 2, window[np.minimum(_BROAD // 2 + distance, _BROAD - 1)], 0.0)
    return weights / weights.sum(axis=0)


def _around(lags_s: Float64[np.ndarray, " periods"]) -> Float64[np.ndarray, "bins periods"]:
    """Weigh the bins around each lag, 1 in all; none where the lag is out of reach."""
    centre_s = (np.arange(_NUM_BINS)[:, None] + 0.5) * _BIN_S
    weights = np.exp(-0.5 * ((centre_s - lags_s) / _SPREAD_S) ** 2)
    return np.where(lags_s > _LONGEST_LAG_S - 0.05, 0.0, weights / (weights.sum(axis=0) + 1e-9))
