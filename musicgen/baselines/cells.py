"""Models of single cells: one density, one density per pitch, a Markov chain over ticks."""

import math
from abc import abstractmethod

import numpy as np
from jaxtyping import Bool, Float, Int64, UInt32

from musicgen.baselines.baseline import Baseline, BaselineData
from musicgen.data.store.packed import PackedPieces
from musicgen.measure.trivial import bits_of, state_chances, state_counts, states_of_piece
from musicgen.models.cells.chain import packed_line
from musicgen.models.cells.three_state import ONSET, SILENT
from musicgen.music.grid import from_packed
from musicgen.music.notes import Performance
from musicgen.music.packing import NUM_PITCHES, TICKS_PER_QUARTER, SliceLayout, pack

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


class StateMarkov(Baseline):
    """Chances of silence, held sound and onset by pitch and by whether it sounded a tick before.

    The chain from tick to tick for any grid: unlike `TickMarkov` it needs no cleared cell before a note that
    is struck again. Chances are training counts with add-one smoothing; a piece is preceded by silence.

    Args:
        ticks: Steps of a quarter; those of the grid that the pieces were cut on.
    """

    chances: Float[np.ndarray, "2 states pitches"]  # by whether the cell before sounded

    def __init__(self, *, ticks: int = 8) -> None:
        self.layout = SliceLayout(ticks=ticks)

    def fit(self, data: BaselineData) -> None:
        """Count states in the training pieces."""
        self.chances = state_chances(state_counts(data.train, layout=self.layout))

    def bits(self, packed: PackedSlices) -> float:
        """Compute -log2 p of the states of a piece's cells, exactly."""
        return bits_of(states_of_piece(packed, layout=self.layout), self.chances)

    def sample(self, *, num_pieces: int, num_quarters: int, seed: int) -> list[Performance]:
        """Draw states tick by tick, starting from silence."""
        generator, ticks = np.random.default_rng(seed), self.layout.ticks
        pieces, pitches, limits = [], np.arange(self.layout.pitches), self.chances.cumsum(axis=1)
        for _ in range(num_pieces):
            line = np.zeros((num_quarters * ticks, len(pitches)), np.int64)
            sounds = np.zeros(len(pitches), np.int64)
            for tick, drawn in enumerate(generator.random(line.shape)):
                line[tick] = (drawn >= limits[sounds, :2, pitches].T).sum(axis=0)
                sounds = (line[tick] != SILENT).astype(np.int64)
            onsets = packed_line(line.T == ONSET, ticks=ticks, onsets=True)
            packed = packed_line(line.T != SILENT, ticks=ticks)
            pieces.append(from_packed(packed, onsets=onsets, ticks=ticks))
        return pieces

    def num_parameters(self) -> int:
        """Count three for each pitch."""
        return 3 * self.layout.pitches


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
