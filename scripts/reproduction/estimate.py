"""Say how long the study will take on this machine, before it starts."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from torch.nn import functional

from musicgen.config.tree import config_dir
from musicgen.models.blocks import NUM_PITCHES, NUM_TICKS
from musicgen.models.losses import reconstruction_loss
from musicgen.training.trainer import fastest_precision
from reproduction.jobs import Job

SECONDS_A_RUN = 15.0  # reading, encoding, sampling and measuring, beside the updates
_MEASURED_UPDATES = 2


@dataclass
class Estimate:
    """Times the updates of each network once and multiplies.

    Attributes:
        num_slices: Training slices a pass, at most.
    """

    num_slices: int
    _seconds: dict[tuple[Any, ...], float] = field(default_factory=dict)

    def seconds(self, jobs: Sequence[Job]) -> float:
        """Estimate the seconds that jobs take one after the other, on one thread or on the GPU."""
        return sum(self._job_seconds(job) for job in jobs)

    def _job_seconds(self, job: Job) -> float:
        if job.arguments[0] != "train":
            return SECONDS_A_RUN
        with initialize_config_dir(str(config_dir()), version_base="1.3"):
            config = compose("train", overrides=list(job.arguments[1:]))
        seconds, updates = SECONDS_A_RUN, config.updates_per_epoch
        batch = config.batch_size
        passes = {
            "vq_vae": math.ceil(self.num_slices / batch.vq_vae),
            "transformer": math.ceil(self.num_slices / config.windows.hop_quarters / batch.transformer),
        }
        for stage, measure in (("vq_vae", _vq_vae_update), ("transformer", _transformer_update)):
            sizes = [config.vq_vae, config.quantizer] if stage == "vq_vae" else [config.transformer]
            key = (stage, batch[stage], *map(str, sizes))
            if key not in self._seconds:
                self._seconds[key] = _timed(measure(config))
            seconds += config.max_epochs[stage] * (updates[stage] or passes[stage]) * self._seconds[key]
        return seconds


def spoken(seconds: float) -> str:
    """Say a time as a person would: minutes, hours or days."""
    minutes = seconds / 60
    if minutes < 90:
        return f"{max(1, round(minutes))} minutes"
    return f"{minutes / 60:.1f} hours" if minutes < 48 * 60 else f"{minutes / 60 / 24:.1f} days"


def _timed(update: Callable[[], None]) -> float:
    """Give the seconds of one update, the first one left out."""
    update()
    start = time.perf_counter()
    for _ in range(_MEASURED_UPDATES):
        update()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return (time.perf_counter() - start) / _MEASURED_UPDATES


def _vq_vae_update(config: Any) -> Callable[[], None]:
    """Make a function that trains an autoencoder by one update, on noise."""
    device = _device()
    autoencoder = instantiate(config.vq_vae).to(device, memory_format=torch.channels_last)
    shape = (config.batch_size.vq_vae, autoencoder.channels, NUM_PITCHES, NUM_TICKS)
    slices = (torch.rand(shape, device=device) < 0.05).to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(autoencoder.parameters())

    def update() -> None:
        with _autocast(device):
            output = autoencoder(slices)
            loss = reconstruction_loss(output.logits, slices).total + output.quantizer_loss
        _step(optimizer, loss)

    return update


def _transformer_update(config: Any) -> Callable[[], None]:
    """Make a function that trains a transformer by one update, on noise."""
    device = _device()
    transformer = instantiate(config.transformer).to(device)
    shape = (config.batch_size.transformer, transformer.max_positions)
    codes = torch.randint(transformer.num_embeddings, shape, device=device)
    optimizer = torch.optim.AdamW(transformer.parameters())

    def update() -> None:
        with _autocast(device):
            logits = transformer(codes).float()
        _step(optimizer, functional.cross_entropy(logits.flatten(0, 1), codes.flatten()))

    return update


def _step(optimizer: torch.optim.Optimizer, loss: torch.Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def _device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


def _autocast(device: str) -> torch.autocast:
    return torch.autocast(device, torch.bfloat16, enabled=fastest_precision(device) == "bf16-mixed")
