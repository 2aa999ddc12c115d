"""Models of single cells: one density, one density per pitch, a Markov chain over ticks."""

import math
from abc import abstractmethod

import numpy as np
from jaxtyping import Bool, Float, Int64, UInt32

from musicgen.baselines.baseline import Baseline, BaselineData
from musicgen.data.store.packed import PackedPieces
from musicgen.music.grid import NUM_PITCHES, TICKS_PER_QUARTER, from_packed, pack
from musicgen.music.notes import Performance

PackedSlices = UInt32[np.ndarray, "quarters pitches"]
Transitions = Int64[np.ndarray, "2 2 pitches"]  # before, now


class CellBaseline(Baseline):
    """Bernoulli cells whose probability depends on pitch and on the cell one tick before.

    Probabilities are training counts with add-one smoothing. A piece is preceded by silence.
    """

    chances: Float[np.ndarray, "2 pitches"]  # by the cell before

    def fit(self, data: BaselineData) -> None:
        """Count transitions in the training pieces."""
        self.chances = self._chances(_counted(data.train))

    def bits(self, packed: PackedSlices) -> float:
        """Compute -log2 p of a piece's cells, exactly."""
        counts = transitions(packed)
        log_likelihood = counts[:, 1] * np.log(self.chances) + counts[:, 0] * np.log1p(-self.chances)
        return float(-log_likelihood.sum() / math.log(2))

    def sample(self, *, num_pieces: int, num_quarters: int, seed: int) -> list[Performance]:
        """Sample cells tick by tick, starting from silence."""
        generator = np.random.default_rng(seed)
        return [from_packed(pack(self._cells(num_quarters, generator))) for _ in range(num_pieces)]

    @abstractmethod
    def _chances(self, counts: Transitions) -> Float[np.ndarray, "2 pitches"]:
        """Estimate the probability that a cell sounds, given the cell before and the pitch."""

    def _cells(self, num_quarters: int, generator: np.random.Generator) -> Bool[np.ndarray, "quarters 88 32"]:
        ticks = num_quarters * TICKS_PER_QUARTER
        drawn = generator.random((ticks, NUM_PITCHES))
        cells = np.zeros((ticks + 1, NUM_PITCHES), bool)
        for tick in range(ticks):
            cells[tick + 1] = drawn[tick] < np.where(cells[tick], self.chances[1], self.chances[0])
        return cells[1:].reshape(num_quarters, TICKS_PER_QUARTER, NUM_PITCHES).transpose(0, 2, 1)


class ConstantDensity(CellBaseline):
    """One probability for all cells."""

    def _chances(self, counts: Transitions) -> Float[np.ndarray, "2 pitches"]:
        off, on = counts.sum(axis=(0, 2))
        return np.full((2, NUM_PITCHES), (on + 1) / (off + on + 2))

    def num_parameters(self) -> int:
        """Count one."""
        return 1


class PitchDensity(CellBaseline):
    """One probability per pitch."""

    def _chances(self, counts: Transitions) -> Float[np.ndarray, "2 pitches"]:
        off, on = counts.sum(axis=0)
        return np.tile((on + 1) / (off + on + 2), (2, 1))

    def num_parameters(self) -> int:
        """Count one for each pitch."""
        return NUM_PITCHES


class TickMarkov(CellBaseline):
    """Two probabilities per pitch: to start after silence, and to continue."""

    def _chances(self, counts: Transitions) -> Float[np.ndarray, "2 pitches"]:
        return (counts[:, 1] + 1) / (counts.sum(axis=1) + 2)

    def num_parameters(self) -> int:
        """Count two for each pitch."""
        return 2 * NUM_PITCHES


def transitions(packed: PackedSlices) -> Transitions:
    """Count, pitch by pitch, the cells of a piece by the cell before and by what they are.

    Args:
        packed: Packed slices of a whole piece; silence comes before it.

    Returns:
        (2, 2, 88): [was sounding, is sounding].
    """
    before = packed << np.uint32(1)
    before[1:] |= packed[:-1] >> np.uint32(TICKS_PER_QUARTER - 1)

    def count(cells: PackedSlices) -> Int64[np.ndarray, " pitches"]:
        return np.bitwise_count(cells).sum(axis=0, dtype=np.int64)

    return np.array(
        [
            [count(~before & ~packed), count(~before & packed)],
            [count(before & ~packed), count(before & packed)],
        ]
    )


def _counted(pieces: PackedPieces) -> Transitions:
    counts = np.zeros((2, 2, NUM_PITCHES), np.int64)
    for number in range(len(pieces.pieces)):
        counts += transitions(np.array(pieces.piece(number)))
    return counts
