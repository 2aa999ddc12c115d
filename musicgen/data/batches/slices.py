"""Slices for the autoencoder: single quarters of packed pieces as a data set."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import UInt8, UInt32
from torch.utils.data import Dataset

from musicgen.data.batches.transposition import Transposition
from musicgen.data.store.packed import PackedPieces
from musicgen.music.packing import PIANO, SliceLayout, packed_onsets

__all__ = ["PackedPieces", "SliceBatch", "SliceDataset", "as_is"]


class SliceBatch(NamedTuple):
    """A batch of slices.

    Attributes:
        slices: 0 and 1: which cells sound, and with a second channel where notes begin.
        before: 0 and 1: which pitches sound in the tick before each slice.
    """

    slices: UInt8[torch.Tensor, "batch channels pitches ticks"]
    before: UInt8[torch.Tensor, "batch pitches"]

    @classmethod
    def of(
        cls,
        pieces: PackedPieces,
        index: np.ndarray,
        *,
        channels: int,
        layout: SliceLayout = PIANO,
        transposition: Transposition | None = None,
    ) -> "SliceBatch":
        """Gather quarters by their numbers over all pieces.

        Args:
            pieces: Where to gather from; cut on a grid of the layout's ticks.
            index: Indices of the quarters.
            channels: 1 for sounding cells, 2 for sounding cells and onsets.
            layout: Ticks of a slice.
            transposition: Transposes each slice; None for none.
        """
        packed = pieces.gather_packed(index, channels=channels)
        before = pieces.before(index, layout=layout)
        if transposition is not None and transposition.semitones:
            shifts = transposition.shifts(packed, index)
            packed, before = (
                transposition.move(packed, shifts),
                transposition.move(before[:, None], shifts)[:, 0],
            )
        return cls._unpacked(packed, before, layout=layout)

    @classmethod
    def of_piece(
        cls, packed: UInt32[np.ndarray, "quarters pitches"], *, channels: int, layout: SliceLayout = PIANO
    ) -> "SliceBatch":
        """Unpack all quarters of one piece, in order."""
        before = np.zeros_like(packed)
        before[1:] = layout.sounding_last(packed[:-1])
        both = np.stack([packed, packed_onsets(packed)], axis=1)
        return cls._unpacked(both[:, :channels], before, layout=layout)

    @classmethod
    def _unpacked(
        cls,
        packed: UInt32[np.ndarray, "batch channels pitches"],
        before: UInt32[np.ndarray, "batch pitches"],
        *,
        layout: SliceLayout,
    ) -> "SliceBatch":
        return cls(torch.from_numpy(layout.cells_of(packed)), torch.from_numpy(before.astype(np.uint8)))


class SliceDataset(Dataset):
    """One slice per quarter, over all pieces, fetched in batches.

    Use it with ``DataLoader(..., collate_fn=as_is)``.

    Args:
        packed: Pieces of one split.
        channels: 1 for sounding cells, 2 for sounding cells and onsets.
        layout: Ticks of a slice.
        transposition: Transposes the slices of each epoch; None for none.

    Raises:
        ValueError: ``channels`` is neither 1 nor 2.
    """

    def __init__(
        self,
        packed: PackedPieces,
        *,
        channels: int = 1,
        layout: SliceLayout = PIANO,
        transposition: Transposition | None = None,
    ):
        if channels not in (1, 2):
            raise ValueError(f"channels={channels}: 1 (sounding) or 2 (sounding, onset)")
        self.packed = packed
        self.channels, self.layout = channels, layout
        self.transposition = transposition

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of the next batches."""
        if self.transposition is not None:
            self.transposition.set_epoch(epoch)

    def __len__(self) -> int:
        return len(self.packed)

    def __getitem__(self, number: int) -> SliceBatch:
        return SliceBatch(*(tensor[0] for tensor in self.__getitems__([number])))

    def __getitems__(self, numbers: Sequence[int]) -> SliceBatch:
        """Fetch a batch with one gather."""
        index = np.asarray(numbers, dtype=np.int64)
        return SliceBatch.of(
            self.packed,
            index,
            channels=self.channels,
            layout=self.layout,
            transposition=self.transposition,
        )


def as_is(batch: Any) -> Any:
    """Pass on a batch that was fetched as a whole: the ``collate_fn`` of these data sets."""
    return batch
