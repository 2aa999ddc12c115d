"""Cells that are silent, begin a note or hold one, each depending on the tick before."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor
from torch.nn import functional

from musicgen.models.cells.base import CellLoss, DrawnCells, log_odds
from musicgen.models.cells.chain import ChainCells, by_tick, chain_densities, packed_line
from musicgen.models.cells.marginals import ChainMarginals, first_cells, log_chance, run_chains
from musicgen.music.packing import parted

SILENT, HELD, ONSET = range(3)
_LEAST = 1e-7  # chance of an onset, or of none, in the loss
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
        steps, first = _Steps.of(maps), first_cells(before, like=maps[:, 0, :, 0])
        sounding, onset = by_tick(slices)
        marginals = steps.run(first)
        bce = -log_chance(torch.lerp(marginals.silent, marginals.sounding, sounding)).mean()
        begins = marginals.onset.clamp(_LEAST, 1 - _LEAST)
        onset_bce = -torch.lerp(1 - begins, begins, onset).log().mean()
        share = self.share_at(progress)
        with torch.set_grad_enabled(torch.is_grad_enabled() and share > 0):
            nats = -steps.log_chance_of(sounding, onset, first).mean()
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
        sounding, onset = by_tick(slices)
        first = first_cells(before, like=maps[:, 0, :, 0])
        nats = -_Steps.of(maps).log_chance_of(sounding, onset, first)
        after_silence = torch.cat([first[None], sounding[:-1]]) < 0.5
        never = after_silence & (sounding > onset)
        return nats.masked_fill(never, float("inf")).movedim(0, -1)

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

    def _transitions(
        self, line: Float[Tensor, "1 maps pitches steps"]
    ) -> Float[Tensor, "steps pitches from to"]:
        steps = _Steps.of(line)
        never = torch.full_like(steps.stay, float("-inf"))
        silent = torch.stack([steps.stay, never, steps.begin], dim=-1)[:, 0]
        sound = torch.stack([steps.end, steps.hold, steps.again], dim=-1)[:, 0]
        return torch.stack([silent, sound, sound], dim=-2)

    def _run(
        self, maps: Float[Tensor, "batch maps pitches ticks"], first: Float[Tensor, "batch pitches"]
    ) -> ChainMarginals:
        return _Steps.of(maps).run(first)

    def _drawn(self, path: Int[Tensor, "steps pitches"], *, ticks: int) -> DrawnCells:
        states = path.T.numpy()
        onsets = packed_line(states == ONSET, ticks=ticks, onsets=True)
        sounding = packed_line(states != SILENT, ticks=ticks)
        return DrawnCells(packed=parted(sounding, onsets=onsets), onsets=onsets)


@dataclass(frozen=True)
class _Steps:
    """Log chances of each step of chains: to begin or stay after silence; to end, strike again or hold."""

    begin: Float[Tensor, "ticks batch pitches"]
    stay: Float[Tensor, "ticks batch pitches"]
    end: Float[Tensor, "ticks batch pitches"]
    again: Float[Tensor, "ticks batch pitches"]
    hold: Float[Tensor, "ticks batch pitches"]

    @classmethod
    def of(cls, maps: Float[Tensor, "batch maps pitches ticks"]) -> "_Steps":
        """Read the maps, each step's chances normalised."""
        odds, end, again = by_tick(maps)
        after_sound = torch.stack([end, again, torch.zeros_like(end)]).log_softmax(dim=0)
        return cls(functional.logsigmoid(odds), functional.logsigmoid(-odds), *after_sound)

    def run(self, first: Float[Tensor, "batch pitches"]) -> ChainMarginals:
        """Run the chains forwards from what sounds before the first tick."""
        strikes = self.again.exp()
        return run_chains(
            first,
            begins=self.begin.exp(),
            stays=self.stay.exp(),
            holds=strikes + self.hold.exp(),
            ends=self.end.exp(),
            strikes=strikes,
        )

    def log_chance_of(
        self,
        sounding: Float[Tensor, "ticks batch pitches"],
        onset: Float[Tensor, "ticks batch pitches"],
        first: Float[Tensor, "batch pitches"],
    ) -> Float[Tensor, "ticks batch pitches"]:
        """Compute the log chance of each cell given the one before it.

        A note that is held after silence, which cannot be, counts as silence here. Cells are 0 and 1, and
        choose by `lerp`: `where` takes five times as long.
        """
        after_silence = torch.lerp(self.stay, self.begin, onset)
        after_sound = torch.lerp(torch.lerp(self.end, self.hold, sounding), self.again, onset)
        came_from = torch.cat([first[None], sounding[:-1]])
        return torch.lerp(after_silence, after_sound, came_from)


def states_of(slices: Shaped[Tensor, "batch channels pitches ticks"]) -> Int[Tensor, "batch pitches ticks"]:
    """Read the state of each cell from the sounding and the onset channel."""
    sounding, onset = slices[:, 0] > 0.5, slices[:, 1] > 0.5
    return sounding.long() * HELD + (sounding & onset).long() * (ONSET - HELD)
