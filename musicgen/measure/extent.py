"""How much music prepared pieces hold, and how long measuring so much takes."""

import time
from dataclasses import dataclass

import numpy as np

from musicgen.data.prepare import Prepared
from musicgen.measure.generated import known_sample
from musicgen.measure.music import measure
from musicgen.music.grid import from_packed
from musicgen.music.notes import Performance

_CHORD, _TIMED_QUARTERS = 3, 32  # as many notes a quarter as real music has


@dataclass(frozen=True)
class Extent:
    """How much music there is.

    Attributes:
        train_quarters: Quarters that are trained on.
        val_quarters: Quarters that are held out.
        measured_quarters: Quarters of real music that an evaluation measures.
    """

    train_quarters: int
    val_quarters: int
    measured_quarters: int

    @classmethod
    def of(cls, prepared: Prepared) -> "Extent":
        """Count the quarters of prepared pieces."""
        train, val = prepared.splits["train"], prepared.splits["val"]
        known = sum(len(train.piece(number)) for number in known_sample(train.pieces))
        return cls(len(train), len(val), len(val) + known)


def stand_in(num_quarters: int) -> Performance:
    """Make music as dense as real music, a chord of three random pitches each quarter, to time work on it.

    Args:
        num_quarters: Its length.
    """
    random = np.random.default_rng(0)
    packed = np.zeros((num_quarters, 88), np.uint32)
    for quarter in packed:
        quarter[random.choice(np.arange(20, 68), _CHORD, replace=False)] = 0xFFFFFFFF
    return from_packed(packed)


def measuring_s(num_quarters: int) -> float:
    """Estimate the seconds that measuring so many quarters takes, from a timed part."""
    piece = stand_in(_TIMED_QUARTERS)
    measure([("", piece)])  # warm
    began = time.perf_counter()
    measure([("", piece)])
    return (time.perf_counter() - began) * num_quarters / _TIMED_QUARTERS
