"""What modules ask of Lightning's trainer: number type, logging steps, and which samples a rank holds."""

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader


def fastest_precision(accelerator: str) -> str:
    """Choose bf16 where the hardware multiplies it natively, float32 elsewhere.

    Args:
        accelerator: Lightning's name: `auto`, `cpu`, `gpu`, `cuda`, `mps`.

    Returns:
        A precision for Lightning's trainer.
    """
    if accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "32-true"
    if accelerator == "mps" or (accelerator in ("auto", "gpu") and torch.backends.mps.is_available()):
        return "32-true"
    native = torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    return "bf16-mixed" if native else "32-true"


def is_written(trainer: pl.Trainer) -> bool:
    """Report whether the current step is a logging step, each tenth by default."""
    every = trainer.log_every_n_steps  # pyright: ignore[reportAttributeAccessIssue]
    return every > 0 and (trainer.global_step + 1) % every == 0


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
