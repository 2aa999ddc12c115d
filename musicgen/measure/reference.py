"""Real music to compare with: excerpts of pieces that nobody was trained on."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int, UInt32

from musicgen.data.store.packed import PackedPieces
from musicgen.measure.distances import Distance, distances, features
from musicgen.music.grid import from_packed
from musicgen.music.notes import Performance

MAX_PIECES = 40
MAX_EXCERPTS = 3  # of a piece


@dataclass(frozen=True)
class Reference:
    """Excerpts of real pieces.

    Attributes:
        excerpts: Each as long as the pieces that are measured against them: metrics of structure grow with
            length. A shorter piece is one excerpt.
        groups: Which piece each is from.
    """

    excerpts: list[Performance]
    groups: Int[np.ndarray, " excerpts"]

    def first_half(self, *, seed: int = 0) -> Bool[np.ndarray, " excerpts"]:
        """Choose one half of the pieces at random."""
        names = np.random.default_rng(seed).permutation(np.unique(self.groups))
        return np.isin(self.groups, names[: len(names) // 2])

    def halves(self, *, seed: int = 0) -> tuple["Reference", "Reference"]:
        """Part the pieces at random into two halves: what real music is from real music is the ceiling."""
        first = self.first_half(seed=seed)
        return self._where(first), self._where(~first)

    def _where(self, chosen: np.ndarray) -> "Reference":
        kept = [one for one, keep in zip(self.excerpts, chosen, strict=True) if keep]
        return Reference(kept, self.groups[chosen])


def real_excerpts(
    splits: Sequence[PackedPieces],
    *,
    num_quarters: int,
    leave_out: Collection[str] = (),
    max_pieces: int = MAX_PIECES,
) -> Reference:
    """Cut excerpts from pieces, spread evenly over each.

    Args:
        splits: Where the pieces are.
        num_quarters: Length of an excerpt in quarters, 1 or more.
        leave_out: Contents that were trained on.
        max_pieces: At most so many pieces, chosen by a hash of their content.

    Returns:
        Up to three excerpts a piece; silent ones are left out.
    """
    pieces = {
        piece.content: (split, number)
        for split in splits
        for number, piece in enumerate(split.pieces)
        if piece.content not in leave_out
    }
    excerpts, groups = [], []
    for group, content in enumerate(sorted(pieces, key=lambda content: content[8:24])[:max_pieces]):
        split, number = pieces[content]
        cut = excerpts_of(np.array(split.piece(number)), num_quarters=num_quarters)
        excerpts += cut
        groups += [group] * len(cut)
    return Reference(excerpts, np.array(groups, np.int64))


def excerpts_of(packed: UInt32[np.ndarray, "quarters pitches"], *, num_quarters: int) -> list[Performance]:
    """Cut up to three excerpts from a piece, spread evenly over it; silent ones are left out."""
    count = max(1, min(MAX_EXCERPTS, len(packed) // num_quarters))
    starts = np.linspace(0, max(len(packed) - num_quarters, 0), count).astype(int)
    excerpts = [from_packed(packed[start : start + num_quarters]) for start in starts]
    return [excerpt for excerpt in excerpts if len(excerpt)]


def flatten_distances(distance: dict[str, Distance], *, prefix: str) -> dict[str, float]:
    """Write distances as flat metrics: `PREFIX/oa/NAME`, `PREFIX/kld/NAME`, and their means over all metrics.

    Args:
        distance: Metric to distance.
        prefix: `generated`, or `real` for the ceiling.

    Returns:
        Name to number; of the mean also `…/low` and `…/high`, the mean of the intervals' ends.
    """
    metrics = {}
    for kind, estimates in (
        ("oa", {name: one.overlap for name, one in distance.items()}),
        ("kld", {name: one.divergence for name, one in distance.items()}),
    ):
        known = {name: one for name, one in estimates.items() if np.isfinite(one.value)}
        metrics |= {f"{prefix}/{kind}/{name}": one.value for name, one in known.items()}
        if known:
            ends = np.array([[one.value, one.low, one.high] for one in known.values()]).mean(axis=0)
            names = (f"{prefix}/{kind}/mean", f"{prefix}/{kind}/mean/low", f"{prefix}/{kind}/mean/high")
            metrics |= dict(zip(names, ends.tolist(), strict=True))
    return metrics


def distance_metrics(
    pieces: Sequence[Performance], reference: Reference, *, seed: int = 0, resamples: int = 200
) -> dict[str, float]:
    """Measure pieces against real music, and beside it one half of the real music against the other.

    Args:
        pieces: Generated ones; silent ones are left out.
        reference: Real excerpts.
        seed: Of the halves and of the bootstrap.
        resamples: Bootstrap draws.

    Returns:
        `generated/oa/…`, `generated/kld/…`, and the ceiling `real/oa/…`, `real/kld/…`; see
        `flatten_distances`. Nothing where there is too little music.
    """
    heard = [piece for piece in pieces if len(piece)]
    if not heard or not reference.excerpts:
        return {}
    real = features(reference.excerpts)
    metrics = flatten_distances(
        distances(real, features(heard), seed=seed, real_groups=reference.groups, resamples=resamples),
        prefix="generated",
    )
    first = reference.first_half(seed=seed)
    if first.any() and not first.all():
        ceiling = distances(
            {name: rows[~first] for name, rows in real.items()},
            {name: rows[first] for name, rows in real.items()},
            seed=seed,
            real_groups=reference.groups[~first],
            resamples=resamples,
        )
        metrics |= flatten_distances(ceiling, prefix="real")
    return metrics
