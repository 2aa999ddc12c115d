"""Steps between successive notes of a piece, and hashes of runs of steps."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt64

from musicgen.music.grid import from_packed, to_packed
from musicgen.music.notes import Performance
from musicgen.music.packing import TICKS_PER_QUARTER

_BASE = 0x9E3779B97F4A7C15  # odd, so that its powers never vanish modulo 2**64
# Ticks from onset to onset at which each class of gaps begins: together (0 and 1), then about octaves.
_GAP_CLASSES = np.array([2, 3, 6, 12, 23, 46, 91])


@dataclass(frozen=True)
class Steps:
    """Notes of a piece in order, and the step from each to the next.

    Attributes:
        pitch: MIDI numbers.
        onset_s: Onsets in seconds.
        step: Interval and gap class to the next note, encoded as a number; 0 for the last note.
    """

    pitch: Int[np.ndarray, " notes"]
    onset_s: Float[np.ndarray, " notes"]
    step: Int[np.ndarray, " notes"]


def steps_of(performance: Performance) -> Steps:
    """Quantise a piece and order its notes by onset, those within a tick by pitch.

    A step is the interval in semitones and the class of the gap between the onsets: at most a tick,
    2, 3 to 5, 6 to 11, 12 to 22, 23 to 45, 46 to 90 ticks of 1/32 quarter, and longer.
    """
    packed = to_packed(performance)
    seen = from_packed(packed)
    tick = np.rint(seen.onset_quarters * TICKS_PER_QUARTER).astype(np.int64)
    group = np.cumsum(np.diff(tick, prepend=tick[:1]) > 1)
    order = np.lexsort((seen.pitch, group))
    pitch = seen.pitch[order].astype(np.int64)
    begins = np.flatnonzero(np.diff(group, prepend=-1))
    group_tick = tick[begins][group] if len(group) else tick
    step = np.zeros(len(pitch), dtype=np.int64)
    gap = np.searchsorted(_GAP_CLASSES, np.diff(group_tick), side="right")
    step[:-1] = (np.diff(pitch) + 128) * 8 + gap
    quarters = seen.onset_quarters[order]
    if len(pitch):
        quarters = quarters + np.rint(performance.onset_quarters[0] * TICKS_PER_QUARTER) // TICKS_PER_QUARTER
        onset_s = np.interp(quarters, performance.onset_quarters, performance.onset_s)
    else:
        onset_s = quarters
    return Steps(pitch=pitch.astype(np.int16), onset_s=onset_s.astype(np.float32), step=step.astype(np.int16))


def pitches_of(
    step: Int[np.ndarray, " notes"],
    *,
    starts: Int[np.ndarray, " boundaries"],
    first: Int[np.ndarray, " pieces"],
) -> Int[np.ndarray, " notes"]:
    """Recover the pitches of concatenated pieces from their steps.

    Args:
        step: Of `steps_of`.
        starts: First note of each piece, and the end of the last one.
        first: Pitch of the first note of each piece; any number for a piece without notes.
    """
    rise = np.where(step > 0, step // 8 - 128, 0).astype(np.int64)
    before = np.append(np.cumsum(rise) - rise, 0)
    return before[:-1] + np.repeat(first - before[starts[:-1]], np.diff(starts))


class RunHashes:
    """Hash any run of a sequence of steps in constant time.

    Polynomial hashes modulo 2**64 of scrambled steps: equal for equal runs, but
    collisions are possible, so matches must be verified.

    Args:
        step: The steps.
    """

    def __init__(self, step: Int[np.ndarray, " notes"]) -> None:
        terms = _scrambled(step) * _powers(_BASE, len(step))
        self._prefix = np.concatenate([np.zeros(1, np.uint64), np.cumsum(terms, dtype=np.uint64)])
        self._shift = _powers(pow(_BASE, -1, 1 << 64), len(step))

    def __len__(self) -> int:
        return len(self._shift)

    def of(self, begins: Int[np.ndarray, " runs"], length: int) -> UInt64[np.ndarray, " runs"]:
        """Return the hashes of the runs of `length` steps that start at the given places."""
        return (self._prefix[begins + length] - self._prefix[begins]) * self._shift[begins]


def _powers(base: int, count: int) -> UInt64[np.ndarray, " count"]:
    factors = np.full(count, base, dtype=np.uint64)
    factors[:1] = 1
    return np.cumprod(factors, dtype=np.uint64)


def _scrambled(step: Int[np.ndarray, " notes"]) -> UInt64[np.ndarray, " notes"]:
    """Scramble numbers over 64 bits (the finalizer of splitmix64, Steele et al. 2014)."""
    bits = step.astype(np.uint64) + np.uint64(_BASE)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))
