"""Real music as a baseline: the best values that distances can reach."""

import numpy as np
from jaxtyping import UInt32

from musicgen.baselines.baseline import Baseline, BaselineData
from musicgen.measure.reference import Reference
from musicgen.music.notes import Performance


class Real(Baseline):
    """Excerpts of one half of the real pieces, compared with the other half."""

    def fit(self, data: BaselineData) -> None:
        """Split the real pieces in two halves."""
        self.shown, self.other = data.reference.halves()

    def bits(self, packed: UInt32[np.ndarray, "quarters pitches"]) -> None:
        """Return None: the likelihood of real music is unknown."""

    def sample(self, *, num_pieces: int, num_quarters: int, seed: int) -> list[Performance]:
        """Choose excerpts of the first half, all of them if there are fewer than asked for."""
        chosen = np.random.default_rng(seed).permutation(len(self.shown.excerpts))[:num_pieces]
        return [self.shown.excerpts[number] for number in chosen]

    def compared_with(self, reference: Reference) -> Reference:
        """Return the other half."""
        return self.other
