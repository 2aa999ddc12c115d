"""Which held-out samples a batch holds, when several ranks share them."""

import pytorch_lightning as pl
import torch
from torch import Tensor


def sample_numbers(trainer: pl.Trainer, *, batch_idx: int, count: int, dataloader_batch_size: int) -> Tensor:
    """Number the samples of a batch that comes in order, each rank taking every n-th sample.

    A number at or beyond the size of the data set is a repeat that only evens out the ranks: leave it out.

    Args:
        trainer: Knows the rank and how many there are.
        batch_idx: Number of the batch on this rank.
        count: Samples in it.
        dataloader_batch_size: Samples in a full one.

    Returns:
        int64 (count,).
    """
    here = batch_idx * dataloader_batch_size + torch.arange(count)
    return here * trainer.world_size + trainer.global_rank
