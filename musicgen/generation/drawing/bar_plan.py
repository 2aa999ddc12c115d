"""What a prior over two levels of codes decides ahead for each bar that it writes."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from musicgen.models.priors.bars import BarTransformer

Choose = Callable[[Float[Tensor, "batch vocab"]], Int[Tensor, " batch"]]
CoarseLogits = Callable[[Int[Tensor, "batch places"]], Float[Tensor, "batch places size"]]


class BarPlan:
    """The plans of the quarters of pieces that are being written.

    What was given is planned as it is, in bars counted back from where writing begins.

    Args:
        prior: Plans and writes.
    """

    def __init__(self, prior: BarTransformer) -> None:
        self.prior = prior
        self._codes: Int[Tensor, "batch quarters parts"] | None = None
        self._first = 0  # quarter with which the first whole bar begins

    def since(self, position: int) -> Int[Tensor, "batch quarters parts"]:
        """Return the plans from a position of the streams on."""
        assert self._codes is not None, "there is no plan before the first quarter begins"
        return self._codes[:, position // self.prior.vocabulary.codes_per_slice :]

    def extend(self, streams: Int[Tensor, "batch positions"]) -> bool:
        """Go on to the quarter that begins after the streams; return whether its bar is to be drawn.

        Args:
            streams: A start token and whole quarters.
        """
        per_quarter = self.prior.vocabulary.codes_per_slice
        quarter = (streams.shape[1] - 1) // per_quarter
        if self._codes is None:
            self._first = quarter % self.prior.bar_quarters
            known = streams[:, 1:].view(len(streams), quarter, per_quarter)
            self._codes = self.prior.plan_of(known, first=self._first)
        if (quarter - self._first) % self.prior.bar_quarters == 0:
            return True
        following = self._codes[:, -1:].clone()
        following[..., -1] += 1
        self._codes = torch.cat([self._codes, following], dim=1)
        return False

    def draw(self, logits: CoarseLogits, *, choose: Choose) -> None:
        """Draw the coarse codes of the bar that begins, one after another.

        Args:
            logits: Computes them for all places, of which those up to a place are known.
            choose: Chooses a code of each row from its logits.
        """
        assert self._codes is not None, "extend comes first"
        beginning = self._codes.new_zeros(self._codes.shape[0], self._codes.shape[2])
        coarse = beginning[:, :-1]  # the last part is the place in the bar, 0
        for place in range(coarse.shape[1]):
            coarse[:, place] = choose(logits(coarse)[:, place])
        self._codes = torch.cat([self._codes, beginning[:, None]], dim=1)
