"""Windows with a gap: what lies behind it comes first, so that a prior learns to write towards it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

BEHIND = 1
"""The label of quarters behind a gap; those in it are labelled BEHIND + quarters left, the others 0."""

GAP_QUARTERS = 32
"""Most quarters left that have a label of their own; further away they share the last one."""


@dataclass(frozen=True)
class GapWindow:
    """Lengths of the parts of a window in quarters: before a gap, the gap, and behind it.

    The window is read as [behind | before | gap], the order of suffix, prefix and middle of Bavarian et al.
    2022 (section 3): what fills the gap directly follows what comes before it.
    """

    before: int
    gap: int
    behind: int

    def order(self) -> Int64[np.ndarray, " quarters"]:
        """Return the quarters of the window in the order in which they are read."""
        total = self.before + self.gap + self.behind
        return np.concatenate([np.arange(self.before + self.gap, total), np.arange(self.before + self.gap)])

    def labels(self) -> Int64[np.ndarray, " quarters"]:
        """Return the label of each quarter in the order in which they are read."""
        left = np.minimum(np.arange(self.gap, 0, -1), GAP_QUARTERS)
        return np.concatenate([np.full(self.behind, BEHIND), np.zeros(self.before, np.int64), BEHIND + left])


@dataclass(frozen=True)
class Gaps:
    """Which training windows have a gap, and where.

    Attributes:
        share: Share of the windows, 0 to 1.
        column: The label field that marks gaps.
        seed: With the epoch and the number of a window it decides whether and where.

    Raises:
        ValueError: The share is out of range.
    """

    share: float
    column: int
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ValueError(f"gap_share={self.share} is not a share of windows; use 0 to 1")

    def draw(self, number: int, *, epoch: int, window_quarters: int) -> GapWindow | None:
        """Draw the parts of a window, or None for one without a gap.

        Gaps of 1 quarter to half a window are equally likely, and all places that leave a quarter behind.
        """
        random = np.random.default_rng([self.seed, epoch, number, 11])
        if window_quarters < 2 or random.random() >= self.share:
            return None
        gap = int(random.integers(1, window_quarters // 2, endpoint=True))
        before = int(random.integers(window_quarters - gap))
        return GapWindow(before=before, gap=gap, behind=window_quarters - gap - before)
