"""How sure music is in a key that is asked for."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt32

from musicgen.music.grid import from_packed
from musicgen.music.theory.key_names import read_key
from musicgen.music.theory.keys import HOME_TONICS, KEYS, MODES, Key, key_scores

_SURE = 0.3  # a key that leads by so much is heard; more is no better


@dataclass(frozen=True)
class KeyTarget:
    """Keys of which music is to be in one.

    Attributes:
        keys: The keys, before a piece is moved.
    """

    keys: Collection[Key]

    @classmethod
    def of(cls, asked: str | None, *, in_one_key: bool, is_told: bool) -> "KeyTarget | None":
        """Find the keys in which a run writes what will be in the key that is asked for.

        Args:
            asked: Such as `D minor`, or `D` for either mode; None for nothing.
            in_one_key: The run writes in C major or A minor; its pieces are moved.
            is_told: The run's prior knows keys and writes in the one it is told. Without either a piece
                is moved from wherever it is, and only its mode is to be heard.

        Returns:
            The target; None where every key would do.

        Raises:
            ValueError: The key cannot be read.
        """
        if asked is None:
            return None
        wanted = read_key(asked)
        if in_one_key:
            return cls(tuple(Key(HOME_TONICS[key.mode], key.mode) for key in wanted))
        if is_told:
            return cls(wanted)
        modes = {key.mode for key in wanted}
        return None if modes == set(MODES) else cls(tuple(key for key in KEYS if key.mode in modes))

    def lead(self, packed: UInt32[np.ndarray, "quarters pitches"]) -> float:
        """Measure by how much the best of these keys fits better than any other, in scores of `key_scores`.

        Args:
            packed: The music from its beginning.

        Returns:
            At most .3, which is sure; below 0 where another key fits better, -1 for silence.
        """
        performance = from_packed(packed)
        if len(performance) == 0:
            return -1.0
        scores = key_scores(performance)
        wanted = np.array([key in self.keys for key in KEYS])
        return min(float(scores[wanted].max() - scores[~wanted].max()), _SURE)
