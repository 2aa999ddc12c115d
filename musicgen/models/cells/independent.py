"""Cells that are independent of each other, as in Bachsformer; notes are read by two thresholds."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor
from torch.nn import functional

from musicgen.models.cells.base import (
    CellLoss,
    CellModel,
    DrawnCells,
    cell_bce,
    check_densities,
    log_odds,
    pack_cells,
)
from musicgen.music.hysteresis import BEGIN_PROBABILITY, HOLD_PROBABILITY, sounding_runs
from musicgen.music.packing import check_channels, packed_onsets


class IndependentCells(CellModel):
    """Read each map as the log odds of its cells, given the codes independent of all others.

    Args:
        channels: 1 (sounding) or 2 (sounding, onset); as many maps.
        onset_weight: Weight of the onset channel's cross-entropy beside the sounding one's.

    Raises:
        ValueError: A setting is out of range.
    """

    def __init__(self, *, channels: int = 1, onset_weight: float = 1.0) -> None:
        super().__init__()
        check_channels(channels)
        self.channels = self.maps = channels
        self.onset_weight = onset_weight

    def loss(
        self,
        maps: Float[Tensor, "batch maps pitches ticks"],
        slices: Shaped[Tensor, "batch channels pitches ticks"],
        *,
        before: Shaped[Tensor, "batch pitches"] | None = None,
        progress: float = 1.0,
    ) -> CellLoss:
        """Measure the binary cross-entropy of all channels."""
        sounding = cell_bce(maps[:, 0], slices[:, 0])
        if self.channels == 1:
            return CellLoss(total=sounding, metrics={"bce": sounding.detach()})
        onset = cell_bce(maps[:, 1], slices[:, 1])
        return CellLoss(
            total=sounding + self.onset_weight * onset,
            metrics={"bce": sounding.detach(), "onset_bce": onset.detach()},
        )

    def cell_nats(
        self,
        maps: Float[Tensor, "batch maps pitches ticks"],
        slices: Shaped[Tensor, "batch channels pitches ticks"],
        *,
        before: Shaped[Tensor, "batch pitches"] | None = None,
    ) -> Float[Tensor, "batch pitches ticks"]:
        """Compute the cross-entropy of each cell of the sounding channel."""
        logits = maps[:, 0].float()
        return functional.binary_cross_entropy_with_logits(
            logits, slices[:, 0].to(logits.dtype), reduction="none"
        )

    def marginal_logits(
        self,
        maps: Float[Tensor, "batch maps pitches ticks"],
        *,
        before: Shaped[Tensor, "batch pitches"] | None = None,
    ) -> Float[Tensor, "batch pitches ticks"]:
        """Return the first map."""
        return maps[:, 0].float()

    def evidence(
        self, maps: Float[Tensor, "batch maps pitches ticks"]
    ) -> Int[Tensor, "batch thresholds pitches"]:
        """Pack which cells pass the upper and the lower threshold, and which are likely onsets."""
        probabilities = self.marginals(maps)
        passed = [probabilities > BEGIN_PROBABILITY, probabilities > HOLD_PROBABILITY]
        passed += [maps[:, channel] > 0 for channel in range(1, self.channels)]
        return pack_cells(torch.stack(passed, dim=1))

    def draw(
        self,
        evidence: Int[Tensor, "quarters thresholds pitches"],
        *,
        before: Bool[np.ndarray, " pitches"] | None = None,
        generator: torch.Generator | None = None,
    ) -> DrawnCells:
        """Begin notes where a cell is probable and hold them while it is likely; see `music.hysteresis`.

        A sample of independent cells is noise, so a generator changes nothing.
        """
        sure, likely, *onsets = evidence.cpu().numpy().view(np.uint32).swapaxes(0, 1)
        packed = sounding_runs(sure, likely)
        if not onsets:
            return DrawnCells(packed=packed, onsets=None)
        return DrawnCells(packed=packed, onsets=packed & onsets[0] | packed_onsets(packed))

    def output_bias(self, densities: Sequence[float]) -> Float[Tensor, " maps"]:
        """Compute the log odds of each channel's density."""
        check_densities(densities, needed=self.channels)
        return torch.tensor([log_odds(share) for share in densities[: self.channels]])
