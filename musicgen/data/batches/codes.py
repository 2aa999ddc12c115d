"""Windows of codes for the transformer: cut from the stream of each piece, never across pieces."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Int64, Integer
from torch.utils.data import Dataset

from musicgen.data.batches.gaps import Gaps, GapWindow
from musicgen.files.mapped import Mapped


@dataclass(frozen=True)
class PieceCodes:
    """Concatenated codes of many pieces.

    Attributes:
        codes: Code indices of any integer type, (quarters, codes per quarter); may be mapped.
        starts: First quarter of each piece, and the end of the last one.
        labels: Label indices of each quarter, for conditioning; None for none.
    """

    codes: Integer[np.ndarray, "quarters positions"]
    starts: Int64[np.ndarray, " boundaries"]
    labels: Integer[np.ndarray, "quarters fields"] | None = None

    def __post_init__(self) -> None:
        if self.codes.ndim != 2 or len(self.starts) < 1 or self.starts[-1] != len(self.codes):
            raise ValueError(
                f"codes of shape {self.codes.shape} do not fit pieces that end at quarter "
                f"{self.starts[-1] if len(self.starts) else None}; give (quarters, positions)"
            )


class CodeBatch(NamedTuple):
    """A batch of windows.

    Attributes:
        inputs: Input codes, and the start token where a window begins a piece; 0 in the padding.
        targets: The next code at each position; 0 for none.
        mask: True where there is a target.
        labels: Label indices of each window's quarters; None for none.
    """

    inputs: Int64[torch.Tensor, "batch positions"]
    targets: Int64[torch.Tensor, "batch positions"]
    mask: Bool[torch.Tensor, "batch positions"]
    labels: Int64[torch.Tensor, "batch quarters fields"] | None = None

    def within(self, max_positions: int) -> "CodeBatch":
        """Drop the last position if the windows exceed the model's positions by one.

        Bachsformer's transformer reads 191 positions of windows of 192 codes.
        """
        if self.inputs.shape[1] != max_positions + 1:
            return self
        codes = (tensor[:, :max_positions] for tensor in (self.inputs, self.targets, self.mask))
        return CodeBatch(*codes, labels=self.labels)


class CodeWindows(Dataset):
    """Windows of consecutive quarters of one piece, to predict the next code at each position.

    The stream of a piece is the start token, if the model has one, and its codes. Windows begin at multiples
    of the codes per quarter, so with a start token window ``w`` predicts exactly the codes of the quarters
    ``w`` to ``w + window_quarters - 1``, the first quarter of a piece included; without one each window is
    one code later and the first code of a piece is never predicted. Short pieces and tails are padded and
    masked.

    Fixed windows (``shift_seed=None``) cover every predictable code; exactly once where ``hop_quarters``
    equals ``window_quarters``. With a ``shift_seed`` the windows of each piece are shifted by a random
    part of a hop every epoch, so a long hop does not freeze where windows begin; how far depends on the
    seed and the epoch only. The first window still begins the piece and the last one ends it; over the
    epochs every code is seen in about half of them or more.

    Use it with ``DataLoader(..., collate_fn=as_is)``.

    Args:
        pieces: Codes of the pieces of one split.
        window_quarters: Length of a window in quarters.
        hop_quarters: Distance between starts of windows, 1 to ``window_quarters``.
        start_token: Index of the start token, or None for a model without.
        shift_seed: Seed of the random shifts, or None for fixed windows.
        gaps: Which windows have a gap to be filled; None for none. Needs a start token and labels.

    Raises:
        ValueError: ``window_quarters`` or ``hop_quarters`` is out of range.
    """

    def __init__(
        self,
        pieces: PieceCodes,
        *,
        window_quarters: int = 12,
        hop_quarters: int = 1,
        start_token: int | None = None,
        shift_seed: int | None = None,
        gaps: Gaps | None = None,
    ):
        if window_quarters < 1 or not 1 <= hop_quarters <= window_quarters:
            raise ValueError(
                f"window_quarters={window_quarters}, hop_quarters={hop_quarters}: a window has at least 1 "
                f"quarter, and a hop 1 to {max(window_quarters, 1)}, or codes between windows are never seen"
            )
        self.codes, self._mapped, self.labels = pieces.codes, Mapped(pieces.codes), pieces.labels
        self.window_quarters = window_quarters
        self.hop_quarters = hop_quarters
        self.start_token = start_token
        self.shift_seed, self.gaps = shift_seed, gaps
        assert gaps is None or (start_token is not None and pieces.labels is not None)
        self._first, self._lengths = pieces.starts[:-1], np.diff(pieces.starts)
        self._spare = np.maximum(self._lengths - window_quarters, 0)
        windows = np.where(self._lengths > 0, -(-self._spare // hop_quarters) + 1, 0)
        self._ends = np.cumsum(windows)
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, which shifts the windows of each piece."""
        self._epoch, self._shifts = epoch, np.zeros(len(self._lengths), np.int64)
        if self.shift_seed is not None and self.hop_quarters > 1:
            random = np.random.default_rng([self.shift_seed, epoch])
            reach = self.hop_quarters - 1
            self._shifts = random.integers(-reach, reach, size=len(self._lengths), endpoint=True)

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def __getitem__(self, number: int) -> CodeBatch:
        batch = self.__getitems__([number])
        labels = None if batch.labels is None else batch.labels[0]
        return CodeBatch(batch.inputs[0], batch.targets[0], batch.mask[0], labels)

    def __getitems__(self, numbers: Sequence[int]) -> CodeBatch:
        """Fetch a batch of windows with one gather."""
        piece, start = self._locate(np.asarray(numbers, dtype=np.int64))
        positions = self.codes.shape[1]
        quarters = start[:, None] + np.arange(self.window_quarters)
        gaps = self._draw_gaps(numbers, fits=start + self.window_quarters <= self._lengths[piece])
        for row, gap in gaps.items():
            quarters[row] = start[row] + gap.order()
        target = (quarters[:, :, None] * positions + np.arange(positions)).reshape(len(quarters), -1)
        target += self.start_token is None
        length, first = (self._lengths[piece] * positions)[:, None], (self._first[piece] * positions)[:, None]
        mask = target < length
        targets = np.where(mask, self._flat(first + np.minimum(target, length - 1)), 0)
        source = np.concatenate([target[:, :1] - 1, target[:, :-1]], axis=1)
        source[list(gaps), 0] = -1  # the code before would be one of the gap
        inputs = np.where(source < length, self._flat(first + np.clip(source, 0, length - 1)), 0)
        if self.start_token is not None:
            inputs[source < 0] = self.start_token
        codes = (torch.from_numpy(part) for part in (inputs, targets, mask))
        return CodeBatch(*codes, labels=self._labels(piece, quarters, gaps))

    def _draw_gaps(self, numbers: Sequence[int], *, fits: np.ndarray) -> dict[int, GapWindow]:
        """Draw the gaps of a batch, by row; windows that reach beyond their piece have none."""
        if self.gaps is None:
            return {}
        size = {"epoch": self._epoch, "window_quarters": self.window_quarters}
        drawn = {row: self.gaps.draw(int(numbers[row]), **size) for row in np.flatnonzero(fits).tolist()}
        return {row: gap for row, gap in drawn.items() if gap is not None}

    def _labels(
        self,
        piece: Int64[np.ndarray, " batch"],
        quarters: Int64[np.ndarray, "batch quarters"],
        gaps: Mapping[int, GapWindow],
    ) -> Int64[torch.Tensor, "batch quarters fields"] | None:
        """Gather the labels of quarters; those beyond a piece have its last quarter's."""
        if self.labels is None:
            return None
        within = np.minimum(quarters, self._lengths[piece][:, None] - 1)
        labels = self.labels[self._first[piece][:, None] + within].astype(np.int64)
        for row, gap in gaps.items():
            labels[row, :, self.gaps.column] = gap.labels()  # pyright: ignore[reportOptionalMemberAccess]
        return torch.from_numpy(labels)

    def _locate(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the piece of each window and its first quarter there."""
        piece = np.searchsorted(self._ends, numbers, side="right")
        within = numbers - np.where(piece > 0, self._ends[piece - 1], 0)
        start = within * self.hop_quarters
        if self.shift_seed is not None:
            start = np.clip(start + np.where(within > 0, self._shifts[piece], 0), 0, self._spare[piece])
            start = np.where(numbers == self._ends[piece] - 1, self._spare[piece], start)
        return piece, start

    def _flat(self, index: Int64[np.ndarray, "batch positions"]) -> Int64[np.ndarray, "batch positions"]:
        """Look up codes by their number in the stream of all pieces."""
        quarters, positions = np.divmod(index, self.codes.shape[1])
        codes = np.empty(index.shape, np.int64)
        for portion in self._mapped.portions(len(index)):
            codes[portion] = self.codes[quarters[portion], positions[portion]]
        return codes
