"""Cells that depend on the tick before: sound begins with one probability and goes on with another."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor
from torch.nn import functional

from musicgen.models.cells.base import CellLoss, CellModel, DrawnCells, cell_bce, log_odds
from musicgen.models.cells.chain import (
    as_line,
    chain_densities,
    check_shares,
    likeliest_path,
    log_sounding,
    packed_line,
    previous_cells,
    read_events,
    sample_path,
)


class MarkovCells(CellModel):
    """Read two maps as log odds that a cell sounds: after silence (begin), and after sound (go on).

    The likelihood of a slice is exact, and so are its marginals (by running the chain forwards). Training
    begins with the cross-entropy of the marginals, which learns faster; the likelihood from the first step
    on can leave the codes unused, because the decoder then lives on what sounded before.

    Args:
        likelihood_share: Weight of the likelihood in the loss, 0 to 1, once it comes in; the marginals'
            cross-entropy has the rest.
        warm_up: Share of the training before the likelihood comes in, 0 to 1.

    Raises:
        ValueError: A setting is out of range.
    """

    def __init__(self, *, likelihood_share: float = 0.5, warm_up: float = 0.4) -> None:
        super().__init__()
        check_shares(likelihood_share=likelihood_share, warm_up=warm_up)
        self.channels, self.maps = 1, 2
        self.likelihood_share, self.warm_up = likelihood_share, warm_up

    def loss(
        self,
        maps: Float[Tensor, "batch maps pitches ticks"],
        slices: Shaped[Tensor, "batch channels pitches ticks"],
        *,
        before: Shaped[Tensor, "batch pitches"] | None = None,
        progress: float = 1.0,
    ) -> CellLoss:
        """Mix the cross-entropy of the marginals and the likelihood, both in nats per cell."""
        bce = cell_bce(self.marginal_logits(maps, before=before), slices[:, 0])
        nats = self.cell_nats(maps, slices, before=before).mean()
        share = self.likelihood_share if progress >= self.warm_up else 0.0
        return CellLoss(
            total=(1 - share) * bce + share * nats, metrics={"bce": bce.detach(), "nats": nats.detach()}
        )

    def cell_nats(
        self,
        maps: Float[Tensor, "batch maps pitches ticks"],
        slices: Shaped[Tensor, "batch channels pitches ticks"],
        *,
        before: Shaped[Tensor, "batch pitches"] | None = None,
    ) -> Float[Tensor, "batch pitches ticks"]:
        """Compute -log p of each cell given the one before it."""
        maps = maps.float()
        cells = slices[:, 0].to(maps.dtype)
        logits = torch.where(previous_cells(cells, before), maps[:, 1], maps[:, 0])
        return functional.binary_cross_entropy_with_logits(logits, cells, reduction="none")

    def marginal_logits(
        self,
        maps: Float[Tensor, "batch maps pitches ticks"],
        *,
        before: Shaped[Tensor, "batch pitches"] | None = None,
    ) -> Float[Tensor, "batch pitches ticks"]:
        """Run the chain of each pitch forwards."""
        begin, go_on = maps.float().unbind(1)
        sounding, silent = log_sounding(begin, go_on, before=before)
        return sounding - silent

    def draw(
        self,
        evidence: Float[Tensor, "quarters maps pitches ticks"],
        *,
        before: Bool[np.ndarray, " pitches"] | None = None,
        generator: torch.Generator | None = None,
    ) -> DrawnCells:
        """Read notes from the marginals of the whole line, or draw the chain with a generator."""
        ticks = evidence.shape[-1]
        begin, go_on = as_line(evidence.cpu().float())
        first = torch.zeros(len(begin)) if before is None else torch.from_numpy(before).float()
        if generator is not None:
            states = sample_path(self._log_transitions(begin, go_on), first.long(), generator=generator)
            return DrawnCells(packed=packed_line(states.T.numpy() > 0, ticks=ticks), onsets=None)
        sounding = log_sounding(begin[None], go_on[None], before=first[None])[0][0].exp()
        previous = torch.cat([first[:, None], sounding[:, :-1]], dim=1)
        onset = (1 - previous) * begin.sigmoid()
        packed, onsets = read_events(onset.numpy(), sounding.numpy(), ticks=ticks)
        return DrawnCells(packed=packed, onsets=onsets)

    def likeliest(
        self,
        maps: Float[Tensor, "quarters maps pitches ticks"],
        *,
        before: Bool[np.ndarray, " pitches"] | None = None,
    ) -> Bool[np.ndarray, "pitches steps"]:
        """Find the likeliest cells of consecutive quarters as a whole; unsure events do not occur in it."""
        begin, go_on = as_line(maps.cpu().float())
        first = torch.zeros(len(begin)) if before is None else torch.from_numpy(before).float()
        return likeliest_path(self._log_transitions(begin, go_on), first.long()).T.numpy() > 0

    def output_bias(self, densities: Sequence[float]) -> Float[Tensor, " maps"]:
        """Compute the log odds of beginning and of going on under which cells have the densities."""
        sounding, onset = chain_densities(densities)
        return torch.tensor([log_odds(onset / (1 - sounding)), log_odds(1 - onset / sounding)])

    @staticmethod
    def _log_transitions(
        begin: Float[Tensor, "pitches steps"], go_on: Float[Tensor, "pitches steps"]
    ) -> Float[Tensor, "steps pitches from to"]:
        rows = [[functional.logsigmoid(-odds), functional.logsigmoid(odds)] for odds in (begin, go_on)]
        return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2).transpose(0, 1)
