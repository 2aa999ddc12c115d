"""Which held-out samples a batch holds, when several ranks share them."""

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader


def sample_numbers(trainer: pl.Trainer, *, batch_idx: int, count: int) -> Tensor:
    """Number the samples of a batch that comes in order, each rank taking every n-th sample.

    A number at or beyond the size of the data set is a repeat that only evens out the ranks: leave it out.

    Args:
        trainer: Knows the rank and how many there are.
        batch_idx: Number of the batch on this rank.
        count: Samples in it.

    Returns:
        int64 (count,).
    """
    batch_size = _val_loader(trainer).batch_size
    assert batch_size is not None
    here = batch_idx * batch_size + torch.arange(count)
    return here * trainer.world_size + trainer.global_rank


def num_val_samples(trainer: pl.Trainer) -> int:
    """Count the held-out samples, each once."""
    return len(_val_loader(trainer).dataset)  # pyright: ignore[reportArgumentType]


def _val_loader(trainer: pl.Trainer) -> DataLoader:
    loader = trainer.val_dataloaders
    assert isinstance(loader, DataLoader)
    return loader
