"""How sure music is in a key that is asked for."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt32

from musicgen.music.grid import from_packed
from musicgen.music.theory.key_names import read_key
from musicgen.music.theory.keys import HOME_TONICS, KEYS, MODES, Key, key_scores

_SURE = 0.3  # a key that leads by so much is heard; more is no better
_FAR = -1.0  # one that is so far behind is not; the relative key is about twice as far
_SILENT = -1.5


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
            is_told: The run's prior knows keys and writes in the one it is told. Of other runs, without one
                key, only the mode is to be heard: their pieces are moved from any key.

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

    def lead(
        self, packed: UInt32[np.ndarray, "quarters pitches"], *, before: UInt32[np.ndarray, "before pitches"]
    ) -> float:
        """Measure by how much the best of these keys fits better than any other, in scores of `key_scores`.

        Args:
            packed: A stretch of music; a silent one says nothing of a key, whatever came before.
            before: All that came before it, which is heard with it.

        Returns:
            -1 to .3, which is sure; below 0 where another key fits better, -1.5 for silence.
        """
        if not packed.any():
            return _SILENT
        scores = key_scores(from_packed(np.concatenate([before, packed])))
        wanted = np.array([key in self.keys for key in KEYS])
        return float(np.clip(scores[wanted].max() - scores[~wanted].max(), _FAR, _SURE))
