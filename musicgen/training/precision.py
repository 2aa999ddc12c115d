"""Which number type trains fastest here."""

import torch


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
