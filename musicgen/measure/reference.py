"""Excerpts of real pieces that were not used for training."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int, UInt32

from musicgen.data.store.packed import PackedPieces
from musicgen.measure.distances import Distance, distances, features
from musicgen.music.grid import from_packed
from musicgen.music.notes import Performance
from musicgen.music.packing import TICKS_PER_QUARTER

MAX_PIECES = 40
MAX_EXCERPTS = 3  # per piece


@dataclass(frozen=True)
class Reference:
    """Excerpts of real pieces.

    Attributes:
        excerpts: Excerpts as long as the generated pieces, since structure metrics depend on length. A
            shorter piece is a single excerpt.
        groups: Index of the piece of each excerpt.
    """

    excerpts: list[Performance]
    groups: Int[np.ndarray, " excerpts"]

    def first_half(self, *, seed: int = 0) -> Bool[np.ndarray, " excerpts"]:
        """Choose half of the pieces at random."""
        names = np.random.default_rng(seed).permutation(np.unique(self.groups))
        return np.isin(self.groups, names[: len(names) // 2])

    def halves(self, *, seed: int = 0) -> tuple["Reference", "Reference"]:
        """Split the pieces randomly into halves; their mutual distance is the attainable optimum."""
        first = self.first_half(seed=seed)
        return self._where(first), self._where(~first)

    def _where(self, chosen: np.ndarray) -> "Reference":
        kept = [excerpt for excerpt, keep in zip(self.excerpts, chosen, strict=True) if keep]
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
        splits: The splits to take pieces from.
        num_quarters: Length of an excerpt in quarters, 1 or more.
        leave_out: Content hashes of training pieces.
        max_pieces: Most pieces, chosen by content hash.

    Returns:
        Up to three excerpts per piece; silent ones are skipped.
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
        cut = excerpts_of(np.array(split.piece(number)), num_quarters=num_quarters, ticks=split.ticks)
        excerpts += cut
        groups += [group] * len(cut)
    return Reference(excerpts, np.array(groups, np.int64))


def excerpts_of(
    packed: UInt32[np.ndarray, "quarters pitches"], *, num_quarters: int, ticks: int = TICKS_PER_QUARTER
) -> list[Performance]:
    """Cut up to three excerpts from a piece, spread evenly over it; silent ones are skipped."""
    count = max(1, min(MAX_EXCERPTS, len(packed) // num_quarters))
    starts = np.linspace(0, max(len(packed) - num_quarters, 0), count).astype(int)
    excerpts = [from_packed(packed[start : start + num_quarters], ticks=ticks) for start in starts]
    return [excerpt for excerpt in excerpts if len(excerpt)]


def flatten_distances(distance: dict[str, Distance], *, prefix: str) -> dict[str, float]:
    """Return distances as metrics: `PREFIX/oa/NAME`, `PREFIX/kld/NAME`, and their means over all metrics.

    Args:
        distance: Metric to distance.
        prefix: `generated`, or `real` for the optimum.

    Returns:
        Name to number; for the mean also `…/low` and `…/high`, the mean interval bounds.
    """
    metrics = {}
    for kind, estimates in (
        ("oa", {name: value.overlap for name, value in distance.items()}),
        ("kld", {name: value.divergence for name, value in distance.items()}),
    ):
        known = {name: value for name, value in estimates.items() if np.isfinite(value.value)}
        metrics |= {f"{prefix}/{kind}/{name}": estimate.value for name, estimate in known.items()}
        if known:
            ends = np.array(
                [[estimate.value, estimate.low, estimate.high] for estimate in known.values()]
            ).mean(axis=0)
            names = (f"{prefix}/{kind}/mean", f"{prefix}/{kind}/mean/low", f"{prefix}/{kind}/mean/high")
            metrics |= dict(zip(names, ends.tolist(), strict=True))
    return metrics


def distance_metrics(
    pieces: Sequence[Performance], reference: Reference, *, seed: int = 0, resamples: int = 200
) -> dict[str, float]:
    """Measure the distances of pieces from real music, and between two halves of the real music.

    Args:
        pieces: Generated pieces; silent ones are skipped.
        reference: Real excerpts.
        seed: Seed of the halves and of the bootstrap.
        resamples: Number of bootstrap draws.

    Returns:
        `generated/oa/…`, `generated/kld/…`, and the optimum `real/oa/…`, `real/kld/…`; see
        `flatten_distances`. Empty if there is too little music.
    """
    sounding = [piece for piece in pieces if len(piece)]
    if not sounding or not reference.excerpts:
        return {}
    real = features(reference.excerpts)
    metrics = flatten_distances(
        distances(real, features(sounding), seed=seed, real_groups=reference.groups, resamples=resamples),
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
