"""Queries on Lightning's trainer: precision, logging steps and the samples of a rank."""

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader


def fastest_precision(accelerator: str) -> str:
    """Choose bf16 where the hardware multiplies it natively and PyTorch may use that, float32 elsewhere.

    With `ATEN_CPU_CAPABILITY=avx2` PyTorch leaves AVX512 alone, and bf16 takes many times as long.

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
    is_allowed = torch.backends.cpu.get_cpu_capability() == "AVX512"
    return "bf16-mixed" if native and is_allowed else "32-true"


def is_written(trainer: pl.Trainer) -> bool:
    """Check whether the current step is a logging step."""
    every = trainer.log_every_n_steps  # pyright: ignore[reportAttributeAccessIssue]
    return every > 0 and (trainer.global_step + 1) % every == 0


def sample_numbers(trainer: pl.Trainer, *, batch_idx: int, count: int) -> Tensor:
    """Return the indices of a batch's samples, where each of n ranks takes every n-th sample.

    Indices at or beyond the size of the data set are padding and must be ignored.

    Args:
        trainer: The trainer.
        batch_idx: Index of the batch on this rank.
        count: Number of samples in it.

    Returns:
        int64 (count,).
    """
    batch_size = _val_loader(trainer).batch_size
    assert batch_size is not None
    on_rank = batch_idx * batch_size + torch.arange(count)
    return on_rank * trainer.world_size + trainer.global_rank


def num_val_samples(trainer: pl.Trainer) -> int:
    """Return the number of held-out samples, without padding."""
    return len(_val_loader(trainer).dataset)  # pyright: ignore[reportArgumentType]


def _val_loader(trainer: pl.Trainer) -> DataLoader:
    loader = trainer.val_dataloaders
    assert isinstance(loader, DataLoader)
    return loader
