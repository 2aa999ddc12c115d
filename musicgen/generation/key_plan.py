"""Where generated pieces are moved: to the key that is asked for, or as the training pieces were spread."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from musicgen.music.notes import Performance
from musicgen.music.theory.key_names import read_key
from musicgen.music.theory.keys import HOME_TONICS, KEYS_BY_NAME, estimate_key, nearest_steps

_RELATIVE = {"major": 3, "minor": -3}  # from the tonic of the other mode's key to that of this one's


@dataclass(frozen=True)
class KeyPlan:
    """Decide by how many semitones a generated piece is moved.

    A piece of a model that learned one key is in C major or A minor; it is moved as the training pieces of
    its mode were spread over keys. With `key` a piece of any model comes in that key, wherever it was
    written; one that is in the other mode comes in the relative key, which has the same notes.

    Attributes:
        learned: How many training pieces were in each key before they were moved to one, by name; None where
            they were not moved.
        key: What is asked for, such as `D minor`, or `D` for either mode; None for nothing.
    """

    learned: Mapping[str, int] | None = None
    key: str | None = None

    def semitones(self, performance: Performance, *, random: np.random.Generator) -> int:
        """Decide for one piece, upwards positive, -6 to 5; 0 for silence.

        Args:
            performance: The piece as the model wrote it.
            random: Draws the key where none is asked for.

        Raises:
            ValueError: The key that is asked for cannot be read.
        """
        if len(performance) == 0 or (self.learned is None and self.key is None):
            return 0
        found = estimate_key(performance)
        if self.key is not None:
            return nearest_steps(self._tonic_asked(found.mode) - found.tonic)
        return nearest_steps(self._drawn(found.mode, random) - HOME_TONICS[found.mode])

    def semitones_ahead(self, *, random: np.random.Generator) -> int:
        """Decide before a piece is written, for a model that has learned one key; see `semitones`.

        Args:
            random: Draws mode and key where none is asked for.

        Raises:
            ValueError: A key is asked for, but the model writes in any key, or it cannot be read.
        """
        if self.learned is None:
            if self.key is None:
                return 0
            raise ValueError(
                f"key={self.key}: a piece is moved to its key once it is whole; leave the key out, or use a "
                "run trained with data.one_key=true or condition=attributes"
            )
        asked = self.tonics()
        major = sum(count for name, count in self.learned.items() if name.endswith("major"))
        total = sum(self.learned.values())
        mode = "major" if total and random.random() < major / total else "minor"
        mode = next(iter(asked)) if len(asked) == 1 else mode
        tonic = self._drawn(mode, random) if self.key is None else asked[mode]
        return nearest_steps(tonic - HOME_TONICS[mode])

    def tonics(self) -> dict[str, int]:
        """Return the tonic that is asked for by mode; both modes for a tonic alone, none for nothing."""
        return {} if self.key is None else {key.mode: key.tonic for key in read_key(self.key)}

    def _tonic_asked(self, mode: str) -> int:
        asked = self.tonics()
        return asked[mode] if mode in asked else next(iter(asked.values())) + _RELATIVE[mode]

    def _drawn(self, mode: str, random: np.random.Generator) -> int:
        """Draw a tonic as the training pieces of a mode have them; home where there are none."""
        assert self.learned is not None
        counts = [self.learned.get(name, 0) for name, key in KEYS_BY_NAME.items() if key.mode == mode]
        weights = np.array(counts, dtype=np.float64)  # by tonic, as the keys of a mode stand
        if not weights.sum():
            return HOME_TONICS[mode]
        return int(random.choice(12, p=weights / weights.sum()))
