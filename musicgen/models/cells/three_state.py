"""Cells that are silent, begin a note or hold one, each depending on the tick before."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor
from torch.nn import functional

from musicgen.models.cells.base import CellLoss, DrawnCells, cell_bce, log_odds
from musicgen.models.cells.chain import ChainCells, chain_densities, log_sounding, packed_line, previous_cells
from musicgen.music.packing import parted

SILENT, HELD, ONSET = range(3)
_COARSE = 12  # ticks a quarter up to which the likeliest path hits more notes than expected events do


class ThreeStateCells(ChainCells):
    """Read three maps as a chain over silence, held sound and onset.

    After silence a note begins with the odds of the first map. After sound it ends, or is struck again, or
    is held, with weights exp(second map), exp(third map) and 1. So a note that is struck again without a gap
    is two notes, whatever the grid. The loss begins with the marginals of sounding and of onsets.

    Args:
        likelihood_share: As in `ChainCells`.
        warm_up: As well.
        onset_weight: Weight of the onsets' marginals beside those of sounding.
        onset_bias: Nats that onsets are given when notes are read from the likeliest path, which leaves out
            what is less than half sure: at 0 a fifth of the notes of performed music.

    Raises:
        ValueError: A setting is out of range.
    """

    def __init__(
        self,
        *,
        likelihood_share: float = 0.5,
        warm_up: float = 0.4,
        onset_weight: float = 1.0,
        onset_bias: float = 0.5,
    ) -> None:
        super().__init__(likelihood_share=likelihood_share, warm_up=warm_up)
        if not math.isfinite(onset_bias):
            raise ValueError(f"onset_bias={onset_bias} is no number of nats; use for example 0.5")
        self.onset_weight, self.onset_bias = onset_weight, onset_bias
        self.channels, self.maps = 2, 3

    def loss(
        self,
        maps: Float[Tensor, "batch maps pitches ticks"],
        slices: Shaped[Tensor, "batch channels pitches ticks"],
        *,
        before: Shaped[Tensor, "batch pitches"] | None = None,
        progress: float = 1.0,
    ) -> CellLoss:
        """Mix the cross-entropies of the marginals and the likelihood, all in nats per cell."""
        maps = maps.float()
        sounding, silent = self._log_sounding(maps, before)
        bce = cell_bce(sounding - silent, slices[:, 0])
        onset = self._onsets(maps, sounding, silent, before).clamp(1e-7, 1 - 1e-7)
        onset_bce = functional.binary_cross_entropy(onset, slices[:, 1].to(onset.dtype))
        share = self.share_at(progress)
        with torch.set_grad_enabled(torch.is_grad_enabled() and share > 0):
            nats = self.cell_nats(maps, slices, before=before).mean()
        total = (1 - share) * (bce + self.onset_weight * onset_bce) + share * nats
        metrics = {"bce": bce.detach(), "onset_bce": onset_bce.detach(), "nats": nats.detach()}
        return CellLoss(total=total, metrics=metrics)

    def cell_nats(
        self,
        maps: Float[Tensor, "batch maps pitches ticks"],
        slices: Shaped[Tensor, "batch channels pitches ticks"],
        *,
        before: Shaped[Tensor, "batch pitches"] | None = None,
    ) -> Float[Tensor, "batch pitches ticks"]:
        """Compute -log p of each cell's state given the one before it; onsets are told, too."""
        begin, end, again = maps.float().unbind(1)
        states = states_of(slices)
        came_from = previous_cells(slices[:, 0].float(), before)
        weight = torch.where(states == ONSET, again, torch.where(states == HELD, 0.0, end))
        after_sound = functional.softplus(torch.logaddexp(end, again)) - weight
        after_silence = functional.softplus(torch.where(states == ONSET, -begin, begin))
        after_silence = after_silence.masked_fill(states == HELD, float("inf"))
        return torch.where(came_from, after_sound, after_silence)

    def draw(
        self,
        evidence: Float[Tensor, "quarters maps pitches ticks"],
        *,
        before: Bool[np.ndarray, " pitches"] | None = None,
        generator: torch.Generator | None = None,
    ) -> DrawnCells:
        """Read notes from the likeliest path on a coarse grid, else as every chain."""
        ticks = evidence.shape[-1]
        if generator is not None or ticks > _COARSE:
            return super().draw(evidence, before=before, generator=generator)
        begin, end, again = evidence.float().unbind(1)
        favoured = torch.stack([begin + self.onset_bias, end, again + self.onset_bias], dim=1)
        return self._drawn(torch.from_numpy(self.likeliest(favoured, before=before)).T, ticks=ticks)

    def output_bias(self, densities: Sequence[float]) -> Float[Tensor, " maps"]:
        """Compute the maps under which cells have the densities; a tenth of all onsets strike again."""
        sounding, onset = chain_densities(densities)
        again, ends = 0.1 * onset / sounding, 0.9 * onset / sounding
        held = 1 - again - ends
        begin = log_odds(0.9 * onset / (1 - sounding))
        return torch.tensor([begin, np.log(ends / held), np.log(again / held)], dtype=torch.float32)

    def _log_chances(
        self, maps: Float[Tensor, "batch maps pitches ticks"]
    ) -> Float[Tensor, "from batch pitches ticks to"]:
        """Log chances of silence, held and onset, after silence and after sound."""
        begin, end, again = maps.unbind(1)
        never = torch.full_like(begin, float("-inf"))
        after_silence = torch.stack(
            [functional.logsigmoid(-begin), never, functional.logsigmoid(begin)], dim=-1
        )
        after_sound = torch.stack([end, torch.zeros_like(end), again], dim=-1).log_softmax(dim=-1)
        return torch.stack([after_silence, after_sound])

    def _transitions(
        self, line: Float[Tensor, "1 maps pitches steps"]
    ) -> Float[Tensor, "steps pitches from to"]:
        silent, sound = self._log_chances(line)[:, 0]
        return torch.stack([silent, sound, sound], dim=-2).transpose(0, 1)

    def _log_sounding(
        self, maps: Float[Tensor, "batch maps pitches ticks"], before: Tensor | None
    ) -> tuple[Float[Tensor, "batch pitches ticks"], Float[Tensor, "batch pitches ticks"]]:
        begin, end, again = maps.unbind(1)
        goes_on = functional.softplus(again) - end
        return log_sounding(begin, goes_on, before=before)

    def _onsets(
        self,
        maps: Float[Tensor, "batch maps pitches ticks"],
        sounding: Float[Tensor, "batch pitches ticks"],
        silent: Float[Tensor, "batch pitches ticks"],
        before: Tensor | None,
    ) -> Float[Tensor, "batch pitches ticks"]:
        first = (
            torch.zeros_like(sounding[..., :1]) if before is None else before[..., None].to(sounding.dtype)
        )
        was_sounding = torch.cat([first, sounding[..., :-1].exp()], dim=-1)
        was_silent = torch.cat([1 - first, silent[..., :-1].exp()], dim=-1)
        begin, end, again = maps.unbind(1)
        strikes_again = (again - functional.softplus(end)).sigmoid()
        return was_silent * begin.sigmoid() + was_sounding * strikes_again

    def _drawn(self, path: Int[Tensor, "steps pitches"], *, ticks: int) -> DrawnCells:
        states = path.T.numpy()
        onsets = packed_line(states == ONSET, ticks=ticks, onsets=True)
        sounding = packed_line(states != SILENT, ticks=ticks)
        return DrawnCells(packed=parted(sounding, onsets=onsets), onsets=onsets)


def states_of(slices: Shaped[Tensor, "batch channels pitches ticks"]) -> Int[Tensor, "batch pitches ticks"]:
    """Read the state of each cell from the sounding and the onset channel."""
    sounding, onset = slices[:, 0] > 0.5, slices[:, 1] > 0.5
    return sounding.long() * HELD + (sounding & onset).long() * (ONSET - HELD)
