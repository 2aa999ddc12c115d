"""The decoder's maps as a distribution over the cells of a slice: what every cell model offers."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Shaped, UInt32
from torch import Tensor, nn
from torch.nn import functional

from musicgen.config.build import Buildable
from musicgen.music.packing import SliceLayout


@dataclass(frozen=True)
class CellLoss:
    """The loss of a batch of slices, in nats per cell.

    Attributes:
        total: What is trained on, a scalar.
        metrics: Scalars by name, logged as they are named; `bce` is the binary cross-entropy of the marginal
            probabilities of sounding, which compares between all cell models.
    """

    total: Float[Tensor, ""]
    metrics: Mapping[str, Tensor]


@dataclass(frozen=True)
class DrawnCells:
    """Cells of consecutive quarters, packed.

    Attributes:
        packed: Cells that sound.
        onsets: Cells where a note begins; None if the model does not predict onsets.
    """

    packed: UInt32[np.ndarray, "quarters pitches"]
    onsets: UInt32[np.ndarray, "quarters pitches"] | None


class CellModel(Buildable, nn.Module, ABC):
    """Read the decoder's output maps as a distribution over the cells of slices.

    Slices are 0 and 1, (batch, channels, pitches, ticks): which cells sound, and with a second channel where
    notes begin. `before` is what sounded in the tick before each slice, (batch, pitches); silence if None.

    Attributes:
        channels: Channels of the slices that the loss compares with, 1 (sounding) or 2 (sounding, onset).
        maps: Output maps of the decoder, per pitch and tick.
    """

    channels: int
    maps: int

    @abstractmethod
    def loss(
        self,
        maps: Float[Tensor, "batch maps pitches ticks"],
        slices: Shaped[Tensor, "batch channels pitches ticks"],
        *,
        before: Shaped[Tensor, "batch pitches"] | None = None,
        progress: float = 1.0,
    ) -> CellLoss:
        """Measure the maps against slices, for training.

        Args:
            maps: The decoder's output, in any float dtype.
            slices: 0 and 1 in any dtype.
            before: What sounded before each slice.
            progress: Share of the training that is done, 0 to 1; some losses change on the way.
        """

    @abstractmethod
    def cell_nats(
        self,
        maps: Float[Tensor, "batch maps pitches ticks"],
        slices: Shaped[Tensor, "batch channels pitches ticks"],
        *,
        before: Shaped[Tensor, "batch pitches"] | None = None,
    ) -> Float[Tensor, "batch pitches ticks"]:
        """Compute what each cell adds to -log p(cells | maps, before), exactly, in nats."""

    @abstractmethod
    def marginal_logits(
        self,
        maps: Float[Tensor, "batch maps pitches ticks"],
        *,
        before: Shaped[Tensor, "batch pitches"] | None = None,
    ) -> Float[Tensor, "batch pitches ticks"]:
        """Compute the log odds that each cell sounds, whatever the other cells of the slice do."""

    @abstractmethod
    def draw(
        self,
        evidence: Shaped[Tensor, "quarters ..."],
        *,
        before: Bool[np.ndarray, " pitches"] | None = None,
        generator: torch.Generator | None = None,
    ) -> DrawnCells:
        """Decide which cells of consecutive quarters of a piece sound.

        Args:
            evidence: What `evidence` keeps of the maps of the quarters, in order.
            before: What sounded before the first quarter.
            generator: Draws a sample; the model's best single answer without one.
        """

    @abstractmethod
    def output_bias(self, densities: Sequence[float]) -> Float[Tensor, " maps"]:
        """Compute biases of the maps under which the cells have the data's density before any training.

        Args:
            densities: Share of cells that sound, and share of cells where a note begins if known.
        """

    def nats(
        self,
        maps: Float[Tensor, "batch maps pitches ticks"],
        slices: Shaped[Tensor, "batch channels pitches ticks"],
        *,
        before: Shaped[Tensor, "batch pitches"] | None = None,
    ) -> Float[Tensor, " batch"]:
        """Compute -log p(cells | maps, before) of each slice, exactly, in nats."""
        return self.cell_nats(maps, slices, before=before).sum(dim=(1, 2))

    def marginals(
        self,
        maps: Float[Tensor, "batch maps pitches ticks"],
        *,
        before: Shaped[Tensor, "batch pitches"] | None = None,
    ) -> Float[Tensor, "batch pitches ticks"]:
        """Compute the probability that each cell sounds, whatever the other cells of the slice do."""
        return self.marginal_logits(maps, before=before).sigmoid()

    def evidence(self, maps: Float[Tensor, "batch maps pitches ticks"]) -> Shaped[Tensor, "batch ..."]:
        """Keep of the maps what `draw` reads; in few bytes, since it is gathered over whole pieces."""
        return maps


def cell_bce(
    logits: Float[Tensor, "batch pitches ticks"], cells: Shaped[Tensor, "batch pitches ticks"]
) -> Float[Tensor, ""]:
    """Compute the mean binary cross-entropy over cells in float32, in nats."""
    logits = logits.float()
    return functional.binary_cross_entropy_with_logits(logits, cells.to(logits.dtype))


def pack_cells(cells: Bool[Tensor, "*batch ticks"]) -> Int[Tensor, "*batch"]:
    """Pack the ticks of a quarter into an int32, each coarser one as all the ticks that it lasts."""
    words = torch.from_numpy(SliceLayout(ticks=cells.shape[-1]).words.view(np.int32)).to(cells.device)
    return (cells.int() * words).sum(dim=-1, dtype=torch.int32)


def log_odds(share: float) -> float:
    """Compute the logit of a share between 0 and 1."""
    return math.log(share / (1 - share))


def check_densities(densities: Sequence[float], *, needed: int) -> None:
    """Refuse densities from which no bias follows.

    Raises:
        ValueError: There are too few, or one is not between 0 and 1.
    """
    if len(densities) < needed or not all(0 < share < 1 for share in densities):
        raise ValueError(
            f"density={list(densities)} is not a share of cells for {needed} channel(s); "
            f"use numbers between 0 and 1 (both excluded), one per channel"
        )
