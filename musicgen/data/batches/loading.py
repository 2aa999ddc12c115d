"""Loaders of batches, and what all data modules share."""

import logging

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Dataset

from musicgen.data.batches.sampler import EpochSampler
from musicgen.data.batches.slices import as_is

log = logging.getLogger(__name__)


class SplitDataModule(pl.LightningDataModule):
    """Training batches, shuffled by seed and epoch only, and held-out batches in order.

    The last training batch may be smaller than the others: nothing is dropped.

    Args:
        train: Training samples, fetched by `__getitems__`.
        val: Held-out samples.
        batch_size: Samples per batch and rank.
        seed: Seed of the shuffle.
        updates_per_epoch: Training batches per epoch and rank; None for one pass over the samples.

    Raises:
        ValueError: ``batch_size`` is below 1.
    """

    def __init__(
        self, train: Dataset, val: Dataset, *, batch_size: int, seed: int, updates_per_epoch: int | None
    ) -> None:
        super().__init__()
        if batch_size < 1:
            raise ValueError(f"batch_size={batch_size}: a batch has at least 1 element")
        self.train_set, self.val_set = train, val
        self.batch_size, self.seed, self.updates_per_epoch = batch_size, seed, updates_per_epoch

    def train_dataloader(self) -> DataLoader:
        """Return the loader of shuffled training batches."""
        size = {"batch_size": self.batch_size, "updates": self.updates_per_epoch}
        return make_loader(self.train_set, shuffle=True, seed=self.seed, **size)

    def val_dataloader(self) -> DataLoader:
        """Return the loader of held-out batches in order."""
        return make_loader(self.val_set, batch_size=self.batch_size, shuffle=False, seed=self.seed)


def make_loader(
    dataset: Dataset, *, batch_size: int, shuffle: bool, seed: int, updates: int | None = None
) -> DataLoader:
    """Make the loader of a data set that fetches batches by `__getitems__`.

    Args:
        dataset: The data set.
        batch_size: Samples per batch and rank.
        shuffle: Whether they come in the order of seed and epoch.
        seed: Of the order.
        updates: Batches per epoch and rank; None for one pass.
    """
    sampler = EpochSampler(dataset, shuffle=shuffle, seed=seed)
    if updates is not None:
        num_draws = updates * batch_size * sampler.num_replicas
        sampler = EpochSampler(dataset, shuffle=shuffle, seed=seed, num_draws=num_draws)
    return DataLoader(
        dataset,
        batch_size=batch_size,
        sampler=sampler,
        collate_fn=as_is,
        generator=torch.Generator().manual_seed(seed),  # keeps the global RNG, which dropout uses, untouched
        pin_memory=torch.cuda.is_available(),
    )


def check_enough(available: int, batch_size: int, *, what: str) -> None:
    """Check that there are samples; where they fill no batch, say that an epoch is a single update.

    Raises:
        ValueError: There are none.
    """
    if available < 1:
        raise ValueError(f"there are no {what}; choose more pieces")
    if available < batch_size:
        log.warning(
            "batch_size=%d and only %d %s: an epoch is one update of %d; choose more pieces, or less",
            *(batch_size, available, what, available),
        )
