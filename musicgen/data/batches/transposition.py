"""Transpose training slices, so that a model learns what is the same in every key."""

import numpy as np
from jaxtyping import Int64, UInt32

from musicgen.data.batches.sampler import scrambled
from musicgen.music.grid import NUM_PITCHES


class Transposition:
    """Move each slice up or down by some semitones, drawn from seed, epoch and the slice's number alone.

    All shifts up to the limit are equally likely, but none pushes a note off the piano: nothing is lost.
    Batches, ranks and resumed runs draw the same shift for a slice in an epoch.

    Args:
        semitones: The widest shift up and down, 0 to 87; 0 leaves all as it is.
        seed: Of the shifts.

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
        """Take the epoch that the next shifts belong to."""
        self._key = np.random.SeedSequence([self.seed, epoch, 7]).generate_state(1, np.uint64)[0]

    def __call__(
        self, packed: UInt32[np.ndarray, "batch channels pitches"], numbers: Int64[np.ndarray, " batch"]
    ) -> UInt32[np.ndarray, "batch channels pitches"]:
        """Give the slices moved; all channels of one alike.

        Args:
            packed: Packed slices (batch, channels, pitches).
            numbers: Which slices they are.
        """
        return self.move(packed, self.shifts(packed, numbers)) if self.semitones else packed

    @staticmethod
    def move(
        packed: UInt32[np.ndarray, "batch channels pitches"], shifts: Int64[np.ndarray, " batch"]
    ) -> UInt32[np.ndarray, "batch channels pitches"]:
        """Move slices by semitones, upwards positive; what leaves the piano is lost."""
        pitch = np.arange(packed.shape[2]) - shifts[:, None]
        moved = np.take_along_axis(packed, pitch.clip(0, packed.shape[2] - 1)[:, None], axis=2)
        return np.where(((pitch >= 0) & (pitch < packed.shape[2]))[:, None], moved, packed.dtype.type(0))

    def shifts(
        self, packed: UInt32[np.ndarray, "batch channels pitches"], numbers: Int64[np.ndarray, " batch"]
    ) -> Int64[np.ndarray, " batch"]:
        """Draw the shift of each slice in semitones, upwards positive, as far as its notes have room."""
        width = np.uint64(2 * self.semitones + 1)
        drawn = scrambled(numbers.astype(np.uint64) + self._key) % width
        sounding = (packed != 0).any(axis=1)
        is_silent = ~sounding.any(axis=1)
        lowest = np.where(is_silent, NUM_PITCHES, sounding.argmax(axis=1))
        highest = np.where(is_silent, -1, NUM_PITCHES - 1 - sounding[:, ::-1].argmax(axis=1))
        return np.clip(drawn.astype(np.int64) - self.semitones, -lowest, NUM_PITCHES - 1 - highest)
