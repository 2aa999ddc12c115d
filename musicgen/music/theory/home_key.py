"""Move music to C major or A minor, so that a model has one key to learn, and back."""

import numpy as np
from jaxtyping import UInt32

from musicgen.music.grid import from_packed
from musicgen.music.theory.keys import Key, estimate_key

HOME_TONICS = {"major": 0, "minor": 9}
"""Tonics of the keys that music is moved to: C major and A minor, which share their scale."""


def nearest_steps(semitones: int) -> int:
    """Bring a move to the octave that is nearest: -6 to 5 semitones."""
    return (semitones + 6) % 12 - 6


def steps_home(key: Key) -> int:
    """Count the semitones from a key to C major or A minor, -6 to 5."""
    return nearest_steps(HOME_TONICS[key.mode] - key.tonic)


def steps_to_home(packed: UInt32[np.ndarray, "quarters pitches"]) -> int:
    """Count the semitones that bring packed slices to C major or A minor; 0 for silence."""
    performance = from_packed(packed)
    return fitting(packed, steps_home(estimate_key(performance))) if len(performance) else 0


def at_home(
    packed: UInt32[np.ndarray, "quarters pitches"] | None,
) -> UInt32[np.ndarray, "quarters pitches"] | None:
    """Move packed slices to C major or A minor; nothing stays nothing."""
    return None if packed is None else moved(packed, steps_to_home(packed))


def moved(
    packed: UInt32[np.ndarray, "quarters pitches"], semitones: int
) -> UInt32[np.ndarray, "quarters pitches"]:
    """Move packed slices, upwards positive; what leaves the piano is lost."""
    result, pitches = np.zeros_like(packed), packed.shape[1]
    if abs(semitones) < pitches:
        result[:, max(0, semitones) : pitches + min(0, semitones)] = packed[
            :, max(0, -semitones) : pitches - max(0, semitones)
        ]
    return result


def fitting(packed: UInt32[np.ndarray, "quarters pitches"], semitones: int) -> int:
    """Choose the octave of a move: the nearest in which no note leaves the piano.

    Args:
        packed: Packed slices (quarters, pitches).
        semitones: The move; any octave of it is as good.

    Returns:
        The move; the nearest one where each would lose notes.
    """
    sounding = np.flatnonzero(packed.any(axis=0))
    nearest = nearest_steps(semitones)
    if not len(sounding):
        return nearest
    room_below, room_above = -sounding[0], packed.shape[1] - 1 - sounding[-1]
    octaves = sorted((nearest - 12, nearest, nearest + 12), key=abs)
    return next((move for move in octaves if room_below <= move <= room_above), nearest)
