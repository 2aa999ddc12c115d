"""Random transposition of training slices."""

import numpy as np
from jaxtyping import Int64, UInt32

from musicgen.data.batches.sampler import scrambled
from musicgen.music.packing import NUM_PITCHES


class Transposition:
    """Transpose each slice by random semitones that depend on seed, epoch and slice index only.

    All shifts up to the limit that keep the notes on the piano are equally likely.
    Batches, ranks and resumed runs draw the same shift for a slice in an epoch.

    Args:
        semitones: Largest shift up and down, 0 to 87; 0 for none.
        seed: Seed of the shifts.

    Raises:
        ValueError: `semitones` is out of range.
    """

    def __init__(self, semitones: int, *, seed: int = 0) -> None:
        if not 0 <= semitones < NUM_PITCHES:
            raise ValueError(
                f"transpose={semitones} is no width in semitones; use 0 (as written) to {NUM_PITCHES - 1}, "
                "for example 6"
            )
        self.semitones, self.seed = semitones, seed
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of the next shifts."""
        self._key = np.random.SeedSequence([self.seed, epoch, 7]).generate_state(1, np.uint64)[0]

    def __call__(
        self, packed: UInt32[np.ndarray, "batch channels pitches"], numbers: Int64[np.ndarray, " batch"]
    ) -> UInt32[np.ndarray, "batch channels pitches"]:
        """Transpose slices, all channels equally.

        Args:
            packed: Packed slices (batch, channels, pitches).
            numbers: Indices of the slices.
        """
        return self.move(packed, self.shifts(packed, numbers)) if self.semitones else packed

    @staticmethod
    def move(
        packed: UInt32[np.ndarray, "batch channels pitches"], shifts: Int64[np.ndarray, " batch"]
    ) -> UInt32[np.ndarray, "batch channels pitches"]:
        """Shift slices by semitones, upwards positive; cells beyond the piano are dropped."""
        pitch = np.arange(packed.shape[2]) - shifts[:, None]
        moved = np.take_along_axis(packed, pitch.clip(0, packed.shape[2] - 1)[:, None], axis=2)
        return np.where(((pitch >= 0) & (pitch < packed.shape[2]))[:, None], moved, packed.dtype.type(0))

    def shifts(
        self, packed: UInt32[np.ndarray, "batch channels pitches"], numbers: Int64[np.ndarray, " batch"]
    ) -> Int64[np.ndarray, " batch"]:
        """Draw the shift of each slice in semitones, upwards positive, within the range of its notes."""
        width = np.uint64(2 * self.semitones + 1)
        drawn = scrambled(numbers.astype(np.uint64) + self._key) % width
        sounding = (packed != 0).any(axis=1)
        is_silent = ~sounding.any(axis=1)
        lowest = np.where(is_silent, NUM_PITCHES, sounding.argmax(axis=1))
        highest = np.where(is_silent, -1, NUM_PITCHES - 1 - sounding[:, ::-1].argmax(axis=1))
        return np.clip(drawn.astype(np.int64) - self.semitones, -lowest, NUM_PITCHES - 1 - highest)
