"""What every baseline does: learn from the training pieces, tell bits, write music."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt32

from musicgen.data.store.packed import PackedPieces
from musicgen.measure.reference import Reference
from musicgen.music.notes import Performance


@dataclass(frozen=True)
class BaselineData:
    """What a baseline may see.

    Attributes:
        train: Pieces to learn from.
        held_out: Pieces to choose weights by and to predict.
        reference: Excerpts of real music that the result will be compared with.
    """

    train: PackedPieces
    held_out: PackedPieces
    reference: Reference


class Baseline(ABC):
    """A model of music in slices, however simple."""

    @abstractmethod
    def fit(self, material: BaselineData) -> None:
        """Learn from the training pieces."""

    @abstractmethod
    def bits(self, packed: UInt32[np.ndarray, "quarters pitches"]) -> float | None:
        """Give -log2 p of a piece's cells, or an upper bound on it; None where there is no likelihood.

        Args:
            packed: Packed slices of a whole piece.
        """

    @abstractmethod
    def sample(self, *, num_pieces: int, num_quarters: int, seed: int) -> list[Performance]:
        """Write pieces.

        Args:
            num_pieces: How many.
            num_quarters: Their length.
            seed: Of the draws.
        """

    def compared_with(self, reference: Reference) -> Reference:
        """Give the real music that the pieces may be compared with: all of it."""
        return reference

    def num_parameters(self) -> int:
        """Count the numbers that were learnt; 0 where nothing is."""
        return 0

    def earlier_cpu_s(self) -> float:
        """Give the CPU-seconds that went into what was trained before; 0 for nothing, or if unknown."""
        return 0.0
