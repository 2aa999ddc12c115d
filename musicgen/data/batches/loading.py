"""Loaders of batches, and checks of their size."""

import logging

import torch
from torch.utils.data import DataLoader, Dataset

from musicgen.data.batches.sampler import EpochSampler
from musicgen.data.batches.slices import as_is

log = logging.getLogger(__name__)


def make_loader(
    dataset: Dataset, *, batch_size: int, shuffle: bool, seed: int, updates: int | None, workers: int
) -> DataLoader:
    """Make the loader of a data set that fetches batches by `__getitems__`.

    Args:
        dataset: The data set.
        batch_size: Samples per batch and rank.
        shuffle: Whether they come in the order of seed and epoch.
        seed: Of the order.
        updates: Batches per epoch and rank; None for one pass.
        workers: Processes that fetch batches.
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
        num_workers=workers,
        generator=torch.Generator().manual_seed(seed),  # keeps the global RNG, which dropout uses, untouched
        pin_memory=torch.cuda.is_available(),
    )


def checked_batch_size(batch_size: int) -> int:
    """Return a batch size.

    Raises:
        ValueError: It is below 1.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size={batch_size}: a batch has at least 1 element")
    return batch_size


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
