"""Choose into how many equal parts a quarter of each hand is divided."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int

UNITS_PER_QUARTER = 5040
"""Written time is counted in units that hold 5, 7, 9, 16 and 24 parts of a quarter."""


@dataclass(frozen=True, eq=False)
class Manner:
    """How closely written time follows played time.

    Attributes:
        spread: Onsets closer than this, in quarters, are one chord.
        tolerance: An onset that is moved so far, in quarters, costs 1.
        merged_cost: Cost of two chords that fall on one place.
        costs: Allowed divisions of a quarter, and what each costs to read.
        least_inside: Divisions that are only allowed where so many of their places but the first are used.
        end_parts: Into how many parts a quarter is divided for offsets, at least.
    """

    spread: float
    tolerance: float
    merged_cost: float
    costs: Mapping[int, float]
    end_parts: int
    least_inside: Mapping[int, int] = field(default_factory=dict)


NOTATED = Manner(
    spread=0.02,
    tolerance=0.018,
    merged_cost=8.0,
    costs={
        1: 0.0,
        2: 0.3,
        4: 0.8,
        3: 1.0,
        6: 1.6,
        8: 2.0,
        5: 2.4,
        12: 4.5,
        16: 5.0,
        7: 5.0,
        9: 6.0,
        10: 6.0,
        24: 7.0,
    },
    end_parts=8,
    least_inside={5: 2, 7: 3, 9: 4, 10: 2, 24: 2},
)
"""Music whose onsets lie on simple fractions of the quarter, but for rounding to a grid."""

PLAYED = Manner(
    spread=0.05,
    tolerance=0.06,
    merged_cost=4.0,
    costs={1: 0.0, 2: 0.3, 4: 0.8, 3: 1.4, 6: 2.2, 8: 2.6},
    end_parts=8,
)
"""Music played close to its beats."""

FREE = Manner(
    spread=0.12,
    tolerance=0.12,
    merged_cost=2.0,
    costs={1: 0.0, 2: 0.4, 4: 2.0, 3: 3.0},
    end_parts=2,
    least_inside={3: 2},
)
"""Music whose quarters are not beats: eighths are preferred, or nobody could read the result."""


def is_plain(division: int) -> bool:
    """Whether a division needs no tuplet: 1, 2, 4, 8 or 16."""
    return division & (division - 1) == 0


@lru_cache(maxsize=1 << 14)
def choose_divisions(
    right: tuple[float, ...], left: tuple[float, ...], manner: Manner, *, plain: bool = False
) -> tuple[int, int]:
    """Choose the division of one quarter for both hands together.

    The pair with the least cost is taken: the sum of squared distances from the onsets to their places, of
    chords that fall together, of what the divisions cost to read, and of chords of both hands that would
    come apart.

    Args:
        right: Onsets of the right hand's chords in quarters from the quarter's beginning, ascending.
        left: The left hand's; a chord of both hands has the same onset in both.
        manner: How closely time is followed.
        plain: Leave tuplets out.

    Returns:
        Parts of the quarter for the right and for the left hand.
    """
    divisions = np.array([parts for parts in manner.costs if not plain or is_plain(parts)])
    (right_cost, right_place), (left_cost, left_place) = (
        _costs(np.array(times, dtype=np.float64), divisions, manner) for times in (right, left)
    )
    total = right_cost[:, None] + left_cost[None, :]
    _, in_right, in_left = np.intersect1d(right, left, return_indices=True)
    apart = right_place[:, None, in_right] != left_place[None, :, in_left]
    total = total + manner.merged_cost * apart.sum(axis=2)
    row, column = divmod(int(total.argmin()), len(divisions))
    return int(divisions[row]), int(divisions[column])


def _costs(
    times: Float[np.ndarray, " chords"], divisions: Int[np.ndarray, " divisions"], manner: Manner
) -> tuple[Float[np.ndarray, " divisions"], Int[np.ndarray, "divisions chords"]]:
    """Cost of each division for one hand, and where its chords would lie, in units."""
    parts = divisions[:, None]
    place = np.rint(times * parts).astype(np.int64)
    apart = (place / parts - times) / manner.tolerance
    is_new = np.diff(place, axis=1, prepend=-1) > 0
    used = (is_new & (place > 0) & (place < parts)).sum(axis=1)
    least = np.array([manner.least_inside.get(int(number), 0) for number in divisions])
    cost = np.array([manner.costs[int(number)] for number in divisions])
    cost = cost + (apart**2).sum(axis=1) + manner.merged_cost * (~is_new).sum(axis=1)
    return np.where(used < least, np.inf, cost), place * (UNITS_PER_QUARTER // parts)
