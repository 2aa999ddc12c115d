"""The interface of baselines: fit, bits, sample."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt32

from musicgen.data.store.packed import PackedPieces
from musicgen.measure.reference import Reference
from musicgen.music.notes import Performance


@dataclass(frozen=True)
class BaselineData:
    """The pieces that a baseline is fitted to, measured on and compared with.

    Attributes:
        train: Training pieces.
        held_out: Pieces that select the best weights and that bits are measured on.
        reference: Excerpts of real music that generated pieces are compared with.
        ticks: Ticks of a quarter of the grid that the pieces are cut on.
    """

    train: PackedPieces
    held_out: PackedPieces
    reference: Reference
    ticks: int


class Baseline(ABC):
    """A model of music in slices, with or without a likelihood."""

    @abstractmethod
    def fit(self, data: BaselineData) -> None:
        """Fit the model to the training pieces."""

    @abstractmethod
    def bits(self, packed: UInt32[np.ndarray, "quarters pitches"]) -> float | None:
        """Compute -log2 p of a piece's cells, or an upper bound; None for a model without a likelihood.

        Args:
            packed: Packed slices of a whole piece.
        """

    @abstractmethod
    def sample(self, *, num_pieces: int, num_quarters: int, seed: int) -> list[Performance]:
        """Generate pieces.

        Args:
            num_pieces: Number of pieces.
            num_quarters: Length of each, in quarters.
            seed: Seed of the random draws.
        """

    def compared_with(self, reference: Reference) -> Reference:
        """Choose the real excerpts that generated pieces are compared with; all of them by default."""
        return reference

    def num_parameters(self) -> int:
        """Count the fitted parameters; 0 if there are none."""
        return 0

    def earlier_cpu_s(self) -> float:
        """CPU-seconds spent on networks that were trained before `fit`; 0 if none or unknown."""
        return 0.0
