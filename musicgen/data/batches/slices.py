"""Slices for the autoencoder: single quarters of packed pieces as a data set."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from torch.utils.data import Dataset

from musicgen.data.batches.transposition import Transposition
from musicgen.data.store.packed import PackedPieces, unpacked

__all__ = ["PackedPieces", "SliceDataset", "as_is"]


class SliceDataset(Dataset):
    """One slice a quarter, over all pieces; a batch is fetched as a whole.

    Use it with ``DataLoader(..., collate_fn=as_is)``.

    Args:
        packed: Pieces of one split.
        channels: 1 for sounding cells, 2 for sounding cells and onsets.
        transposition: Moves the slices of each epoch; None leaves them as they are.

    Raises:
        ValueError: ``channels`` is neither 1 nor 2.
    """

    def __init__(
        self, packed: PackedPieces, *, channels: int = 1, transposition: Transposition | None = None
    ):
        if channels not in (1, 2):
            raise ValueError(f"channels={channels}: 1 (sounding) or 2 (sounding, onset)")
        self.packed = packed
        self.channels = channels
        self.transposition = transposition

    def set_epoch(self, epoch: int) -> None:
        """Take the epoch that the next batches belong to."""
        if self.transposition is not None:
            self.transposition.set_epoch(epoch)

    def __len__(self) -> int:
        return len(self.packed)

    def __getitem__(self, number: int) -> UInt8[torch.Tensor, "channels pitches ticks"]:
        return self.__getitems__([number])[0]

    def __getitems__(self, numbers: Sequence[int]) -> UInt8[torch.Tensor, "batch channels pitches ticks"]:
        """Fetch a batch with one gather."""
        index = np.asarray(numbers, dtype=np.int64)
        packed = self.packed.gather_packed(index, channels=self.channels)
        if self.transposition is not None:
            packed = self.transposition(packed, index)
        return torch.from_numpy(unpacked(packed))


def as_is(batch: Any) -> Any:
    """Pass a batch on that was fetched as a whole: the ``collate_fn`` of these data sets."""
    return batch
