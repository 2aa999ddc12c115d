"""Cells that form a chain along the ticks of a pitch: marginals, paths, samples, and notes read from them."""

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Shaped, UInt32
from torch import Tensor
from torch.nn import functional

from musicgen.models.cells.base import CellModel, DrawnCells, check_densities
from musicgen.models.cells.marginals import ChainMarginals, first_cells, log_chance
from musicgen.music.hysteresis import BEGIN_PROBABILITY, HOLD_PROBABILITY, sounding_runs
from musicgen.music.packing import SliceLayout

_TICKS_PER_ONSET = 10  # an onset is looked for within a tenth of a quarter, 50 ms at 120 quarters a minute


class ChainCells(CellModel):
    """Read the maps of a pitch as a chain of states along its ticks, of which 0 is silence.

    Likelihood and marginals are exact. The loss begins with the marginals, which learn faster; with the
    likelihood from the first step on the decoder may live on what sounded before and leave the codes unused.

    Args:
        likelihood_share: Weight of the likelihood in the loss, 0 to 1, once it comes in; the marginals have
            the rest.
        warm_up: Share of the training before the likelihood comes in, 0 to 1.

    Raises:
        ValueError: A setting is out of range.
    """

    def __init__(self, *, likelihood_share: float, warm_up: float) -> None:
        super().__init__()
        for name, share in (("likelihood_share", likelihood_share), ("warm_up", warm_up)):
            if not 0 <= share <= 1:
                raise ValueError(f"{name}={share} is not a share; use 0 to 1")
        self.likelihood_share, self.warm_up = likelihood_share, warm_up

    def share_at(self, progress: float) -> float:
        """Return the weight of the likelihood in the loss at a point of the training."""
        return self.likelihood_share if progress >= self.warm_up else 0.0

    def marginal_logits(
        self,
        maps: Float[Tensor, "batch maps pitches ticks"],
        *,
        before: Shaped[Tensor, "batch pitches"] | None = None,
    ) -> Float[Tensor, "batch pitches ticks"]:
        """Run the chain of each pitch forwards."""
        marginals = self._run(maps, first_cells(before, like=maps[:, 0, :, 0]))
        return (log_chance(marginals.sounding) - log_chance(marginals.silent)).movedim(0, -1)

    def evidence(self, maps: Float[Tensor, "batch maps pitches ticks"]) -> Shaped[Tensor, "batch ..."]:
        """Keep the maps in half precision."""
        return maps.half()

    def draw(
        self,
        evidence: Float[Tensor, "quarters maps pitches ticks"],
        *,
        before: Bool[np.ndarray, " pitches"] | None = None,
        generator: torch.Generator | None = None,
    ) -> DrawnCells:
        """Read notes from the marginals of the whole line, or draw the chain with a generator."""
        ticks, (line, first) = evidence.shape[-1], _line_after(evidence, before)
        if generator is not None:
            path = sample_path(self._transitions(line), first.long(), generator=generator)
            return self._drawn(path, ticks=ticks)
        marginals = self._run(line, first[None])
        onset, sounding = marginals.onset[:, 0].T.numpy(), marginals.sounding[:, 0].T.numpy()
        packed, onsets = read_events(onset, sounding, ticks=ticks)
        return DrawnCells(packed=packed, onsets=onsets)

    def likeliest(
        self,
        maps: Float[Tensor, "quarters maps pitches ticks"],
        *,
        before: Bool[np.ndarray, " pitches"] | None = None,
    ) -> Int[np.ndarray, "pitches steps"]:
        """Find the likeliest states of consecutive quarters as a whole; unsure events do not occur in it."""
        line, first = _line_after(maps, before)
        return likeliest_path(self._transitions(line), first.long()).T.numpy()

    @abstractmethod
    def _transitions(
        self, line: Float[Tensor, "1 maps pitches steps"]
    ) -> Float[Tensor, "steps pitches from to"]:
        """Compute the log chances of each state of a line, given the one before."""

    @abstractmethod
    def _run(
        self, maps: Float[Tensor, "batch maps pitches ticks"], first: Float[Tensor, "batch pitches"]
    ) -> ChainMarginals:
        """Run the chain of each pitch forwards from what sounds before its first tick."""

    @abstractmethod
    def _drawn(self, path: Int[Tensor, "steps pitches"], *, ticks: int) -> DrawnCells:
        """Turn states into cells."""


def by_tick(
    values: Shaped[Tensor, "batch maps pitches ticks"],
) -> Float[Tensor, "maps ticks batch pitches"]:
    """Lay maps or channels out tick after tick, as chains are run, in float32."""
    return values.permute(1, 3, 0, 2).contiguous().float()


def previous_cells(
    cells: Shaped[Tensor, "batch pitches ticks"], before: Shaped[Tensor, "batch pitches"] | None
) -> Bool[Tensor, "batch pitches ticks"]:
    """Shift cells by a tick: what sounds just before each cell; `before` stands in front, silence if None."""
    first = torch.zeros_like(cells[..., :1]) if before is None else before[..., None].to(cells.dtype)
    return torch.cat([first, cells[..., :-1]], dim=-1) > 0.5


def _line_after(
    maps: Float[Tensor, "quarters maps pitches ticks"], before: Bool[np.ndarray, " pitches"] | None
) -> tuple[Float[Tensor, "1 maps pitches steps"], Float[Tensor, " pitches"]]:
    """Lay consecutive quarters end to end on one time line, and say what sounds before it."""
    quarters, num_maps, pitches, ticks = maps.shape
    line = maps.cpu().float().permute(1, 2, 0, 3).reshape(1, num_maps, pitches, quarters * ticks)
    return line, torch.zeros(pitches) if before is None else torch.from_numpy(before).float()


def packed_line(
    line: Bool[np.ndarray, "pitches steps"], *, ticks: int, onsets: bool = False
) -> UInt32[np.ndarray, "quarters pitches"]:
    """Cut a time line into packed quarters.

    Args:
        line: A row per pitch.
        ticks: Steps per quarter; each fills all the packed ticks that it lasts.
        onsets: Mark the first of these packed ticks only.
    """
    cells = line.reshape(len(line), -1, ticks).transpose(1, 0, 2)
    return SliceLayout(ticks=ticks).packed_of(cells, first_only=onsets)


def likeliest_path(
    log_transitions: Float[Tensor, "steps lines from to"], first: Int[Tensor, " lines"]
) -> Int[Tensor, "steps lines"]:
    """Find the likeliest states of chains, given the state before each (Viterbi 1967).

    Args:
        log_transitions: Log probability of each state at a step, given the one before.
        first: State before the first step.
    """
    num_states = log_transitions.shape[-1]
    score = torch.full((len(first), num_states), float("-inf")).scatter_(1, first[:, None], 0.0)
    back = []
    for step in log_transitions:
        score, best = (score[:, :, None] + step).max(dim=1)
        back.append(best)
    path = [score.argmax(dim=1)]
    for best in reversed(back[1:]):
        path.append(best.gather(1, path[-1][:, None])[:, 0])
    return torch.stack(path[::-1])


def sample_path(
    log_transitions: Float[Tensor, "steps lines from to"],
    first: Int[Tensor, " lines"],
    *,
    generator: torch.Generator,
) -> Int[Tensor, "steps lines"]:
    """Draw states of chains step by step.

    Args:
        log_transitions: Log probability of each state at a step, given the one before.
        first: State before the first step.
        generator: Source of randomness.
    """
    rows = torch.arange(len(first))
    noise = torch.empty(log_transitions.shape[:2] + log_transitions.shape[-1:])
    noise = -noise.exponential_(generator=generator).log()  # Gumbel: the largest sum is a draw
    path, state = [], first
    for step, gumbel in zip(log_transitions, noise, strict=True):
        state = (step[rows, state] + gumbel).argmax(dim=1)
        path.append(state)
    return torch.stack(path)


def read_events(
    onset: Float[np.ndarray, "pitches steps"], sounding: Float[np.ndarray, "pitches steps"], *, ticks: int
) -> tuple[UInt32[np.ndarray, "quarters pitches"], UInt32[np.ndarray, "quarters pitches"]]:
    """Read notes from marginal probabilities: an onset where one is expected, held while sound is likely.

    A chain that is unsure when a note begins gives no single tick a probability above a half; so onsets
    expected within a few ticks are added up, and the note begins at their peak. Notes last by the two
    thresholds of `music.hysteresis`.

    Args:
        onset: Probability that a note begins at each step.
        sounding: Probability of sound at each step.
        ticks: Steps per quarter.

    Returns:
        Packed cells that sound, and packed cells where a note begins.
    """
    reach = max(1, ticks // _TICKS_PER_ONSET)
    rows = torch.from_numpy(onset)[:, None].float()
    kernel = torch.ones(1, 1, 2 * reach + 1)
    expected = functional.conv1d(rows, kernel, padding=reach)[:, 0].numpy()
    highest = functional.max_pool1d(rows, 2 * reach + 1, stride=1, padding=reach)[:, 0].numpy()
    begins = (expected > 0.5) & (onset >= highest) & (onset > 0)
    sure, likely = begins | (sounding > BEGIN_PROBABILITY), begins | (sounding > HOLD_PROBABILITY)
    packed = sounding_runs(packed_line(sure, ticks=ticks), packed_line(likely, ticks=ticks))
    return packed, packed_line(begins, ticks=ticks, onsets=True)


def chain_densities(densities: Sequence[float]) -> tuple[float, float]:
    """Read the density of sounding cells and that of onsets, below the former and below silence.

    Raises:
        ValueError: One is missing or not between 0 and 1.
    """
    densities = list(densities) if len(densities) > 1 else [*densities, *(share / 8 for share in densities)]
    check_densities(densities, needed=2)
    sounding, onset = densities[:2]
    return sounding, min(onset, 0.9 * sounding, 0.9 * (1 - sounding))
