"""Cells that depend on the tick before: sound begins with one probability and goes on with another."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor
from torch.nn import functional

from musicgen.models.cells.base import CellLoss, DrawnCells, cell_bce, log_odds
from musicgen.models.cells.chain import ChainCells, by_tick, chain_densities, packed_line, previous_cells
from musicgen.models.cells.marginals import ChainMarginals, run_chains


class MarkovCells(ChainCells):
    """Read two maps as log odds that a cell sounds: after silence (begin), and after sound (go on).

    Args:
        likelihood_share: As in `ChainCells`.
        warm_up: As well.
    """

    def __init__(self, *, likelihood_share: float = 0.5, warm_up: float = 0.4) -> None:
        super().__init__(likelihood_share=likelihood_share, warm_up=warm_up)
        self.channels, self.maps = 1, 2

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
        share = self.share_at(progress)
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

    def output_bias(self, densities: Sequence[float]) -> Float[Tensor, " maps"]:
        """Compute the log odds of beginning and of going on under which cells have the densities."""
        sounding, onset = chain_densities(densities)
        return torch.tensor([log_odds(onset / (1 - sounding)), log_odds(1 - onset / sounding)])

    def _transitions(
        self, line: Float[Tensor, "1 maps pitches steps"]
    ) -> Float[Tensor, "steps pitches from to"]:
        rows = [[functional.logsigmoid(-odds), functional.logsigmoid(odds)] for odds in line[0]]
        return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2).transpose(0, 1)

    def _run(
        self, maps: Float[Tensor, "batch maps pitches ticks"], first: Float[Tensor, "batch pitches"]
    ) -> ChainMarginals:
        begin, go_on = by_tick(maps)
        return run_chains(
            first,
            begins=begin.sigmoid(),
            stays=(-begin).sigmoid(),
            holds=go_on.sigmoid(),
            ends=(-go_on).sigmoid(),
        )

    def _drawn(self, path: Int[Tensor, "steps pitches"], *, ticks: int) -> DrawnCells:
        return DrawnCells(packed=packed_line(path.T.numpy() > 0, ticks=ticks), onsets=None)
