"""Precision, recall and F1 of notes and cells, from counts that are pooled over pieces."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from musicgen.music.notes import Performance

_DISTANCE_DECIMALS = 4  # mir_eval rounds distances so that exactly 50 ms still matches


@dataclass(frozen=True)
class MatchCounts:
    """Counts of matched, reference and estimated items.

    Counts of several pieces add up (`a + b`, `MatchCounts.pooled`), so a pooled metric weighs
    all notes equally, whatever the lengths of pieces.
    """

    matched: int
    reference: int
    estimated: int

    @classmethod
    def pooled(cls, counts: Iterable["MatchCounts"]) -> "MatchCounts":
        """Add the counts of many pieces."""
        return sum(counts, cls(matched=0, reference=0, estimated=0))

    @property
    def precision(self) -> float:
        """Share of the estimate that is matched (0 to 1); NaN if both sides are empty."""
        return self._share(self.estimated)

    @property
    def recall(self) -> float:
        """Share of the reference that is matched (0 to 1); NaN if both sides are empty."""
        return self._share(self.reference)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall (0 to 1); NaN if both sides are empty.

        An empty estimate of a reference that has notes scores 0, as in mir_eval. If both
        are silent, mir_eval returns 0 and we return NaN.
        """
        total = self.reference + self.estimated
        return 2 * self.matched / total if total else float("nan")

    def __add__(self, other: "MatchCounts") -> "MatchCounts":
        return MatchCounts(
            matched=self.matched + other.matched,
            reference=self.reference + other.reference,
            estimated=self.estimated + other.estimated,
        )

    def _share(self, total: int) -> float:
        if total:
            return self.matched / total
        return 0.0 if self.reference + self.estimated else float("nan")


def note_counts(
    reference: Performance,
    estimated: Performance,
    *,
    onset_tolerance_s: float = 0.05,
    offset_ratio: float | None = None,
    offset_min_tolerance_s: float = 0.05,
) -> MatchCounts:
    """Count the notes that can be matched one to one, exactly as `mir_eval.transcription` does.

    A pair may match when the pitch is the same (mir_eval's 50 cents, of whole semitones), the
    onsets are at most `onset_tolerance_s` apart and, if asked, the offsets too. The largest set of
    pairs that uses no note twice counts. mir_eval compares every note with every other; here only
    notes of one pitch that begin close together are compared, so that a whole sonata takes
    milliseconds instead of gigabytes.

    Args:
        reference: True notes.
        estimated: Estimated notes.
        onset_tolerance_s: Greatest distance of two onsets in seconds.
        offset_ratio: None to match onsets only; else the greatest distance of two offsets, as a
            share of the reference note's length (mir_eval's default is 0.2).
        offset_min_tolerance_s: Distance of two offsets in seconds that is always allowed.

    Raises:
        ValueError: A tolerance is negative.
    """
    for name, value in (
        ("onset_tolerance_s", onset_tolerance_s),
        ("offset_ratio", offset_ratio or 0.0),
        ("offset_min_tolerance_s", offset_min_tolerance_s),
    ):
        if not value >= 0:
            raise ValueError(f"{name}={value} is negative; give 0 or more")
    first, second = _candidates(reference, estimated, onset_tolerance_s)
    if offset_ratio is not None:
        length = reference.offset_s - reference.onset_s
        tolerance = np.maximum(offset_ratio * length, offset_min_tolerance_s)[first]
        close = _distance(reference.offset_s[first], estimated.offset_s[second]) <= tolerance
        first, second = first[close], second[close]
    return MatchCounts(
        matched=_matching_size(first, second, len(reference), len(estimated)),
        reference=len(reference),
        estimated=len(estimated),
    )


def _candidates(
    reference: Performance, estimated: Performance, tolerance_s: float
) -> tuple[Int[np.ndarray, " pairs"], Int[np.ndarray, " pairs"]]:
    """List the pairs of notes of one pitch whose onsets are close enough."""
    reach = tolerance_s + 10.0**-_DISTANCE_DECIMALS  # wide enough for the rounding, compared exactly below
    times = np.concatenate([reference.onset_s, estimated.onset_s, [0.0]])
    # One line for all pitches: each has its own stretch of it, too far from the next to be confused.
    stretch = float(times.max() - times.min()) + 2 * reach + 1.0
    reference_key = reference.pitch.astype(np.float64) * stretch + reference.onset_s
    estimated_key = estimated.pitch.astype(np.float64) * stretch + estimated.onset_s
    order = np.argsort(estimated_key, kind="stable")
    low = np.searchsorted(estimated_key[order], reference_key - reach, side="left")
    high = np.searchsorted(estimated_key[order], reference_key + reach, side="right")
    count = high - low
    first = np.repeat(np.arange(len(reference)), count)
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    second = order[np.repeat(low, count) + within]
    close = _distance(reference.onset_s[first], estimated.onset_s[second]) <= tolerance_s
    return first[close], second[close]


def _distance(
    first: Float[np.ndarray, " pairs"], second: Float[np.ndarray, " pairs"]
) -> Float[np.ndarray, " pairs"]:
    return np.around(np.abs(first - second), decimals=_DISTANCE_DECIMALS)


def _matching_size(
    first: Int[np.ndarray, " pairs"], second: Int[np.ndarray, " pairs"], rows: int, columns: int
) -> int:
    """Return the size of the largest matching of the bipartite graph with these edges (Hopcroft and Karp)."""
    if len(first) == 0:
        return 0
    graph = csr_array((np.ones(len(first), dtype=np.int8), (first, second)), shape=(rows, columns))
    return int(np.count_nonzero(maximum_bipartite_matching(graph, perm_type="column") >= 0))
