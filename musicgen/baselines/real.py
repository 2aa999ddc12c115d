"""Real music as its own baseline: the ceiling of every comparison."""

import numpy as np
from jaxtyping import UInt32

from musicgen.baselines.baseline import Baseline, BaselineData
from musicgen.measure.reference import Reference
from musicgen.music.notes import Performance


class Real(Baseline):
    """Excerpts of one half of the real pieces, compared with the other half."""

    def fit(self, material: BaselineData) -> None:
        """Part the real pieces."""
        self.shown, self.other = material.reference.halves()

    def bits(self, packed: UInt32[np.ndarray, "quarters pitches"]) -> None:
        """Give no bits: nobody knows how likely real music is."""

    def sample(self, *, num_pieces: int, num_quarters: int, seed: int) -> list[Performance]:
        """Choose excerpts of the first half, all of them where there are fewer."""
        chosen = np.random.default_rng(seed).permutation(len(self.shown.excerpts))[:num_pieces]
        return [self.shown.excerpts[number] for number in chosen]

    def compared_with(self, reference: Reference) -> Reference:
        """Give the other half."""
        return self.other
