"""What machine this is, and how fast it multiplies."""

import platform
from pathlib import Path

import torch

from benchmarks.measure import seconds

_CPU_SIZE = 1024
_CUDA_SIZE = 8192


def describe(*, threads: int) -> str:
    """Name processor, threads, accelerator and versions in one line."""
    parts = [f"{_processor()}, {threads} threads"]
    features = {
        "AMX": torch.cpu._is_amx_tile_supported(),
        "AVX512-BF16": torch.cpu._is_avx512_bf16_supported(),
    }
    parts += [name if there else f"no {name}" for name, there in features.items()]
    if torch.cuda.is_available():
        parts.append(torch.cuda.get_device_name())
    return ", ".join([*parts, f"torch {torch.__version__}", f"Python {platform.python_version()}"])


def matmul_peak(dtype: torch.dtype, *, device: str, repeats: int = 7) -> float:
    """Measure the best rate of a square matrix product, in GFLOP/s."""
    size = _CUDA_SIZE if device == "cuda" else _CPU_SIZE
    left, right = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    best = min(seconds(lambda: left @ right, device=device) for _ in range(repeats + 1))
    return 2 * size**3 / best / 1e9


def dtype_of(precision: str) -> torch.dtype:
    """Give the number type that a Lightning precision multiplies in."""
    return torch.bfloat16 if precision.startswith("bf16") else torch.float32


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
