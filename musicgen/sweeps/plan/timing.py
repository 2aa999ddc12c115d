"""Sizes of models, and the time that a step of their training takes here."""

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from torch import nn

from musicgen.config.tree import plain
from musicgen.models.losses import code_loss, reconstruction_loss
from musicgen.sweeps.plan.plan import shape_text
from musicgen.training.optim import parameter_groups
from musicgen.training.precision import fastest_precision


def network_of(config: DictConfig, stage: str) -> Any:
    """Make the network of a stage, with fresh weights."""
    return instantiate(OmegaConf.create(plain(config[stage])))


def describe_shapes(configs: Sequence[DictConfig], labels: Sequence[str], *, most: int) -> list[str]:
    """Write a line for each distinct pair of networks: parameters, codes a quarter, and whose they are.

    Args:
        configs: Of the jobs.
        labels: What differs in each.
        most: Lines at most.
    """
    groups: dict[str, list[int]] = {}
    for number, config in enumerate(configs):
        groups.setdefault(shape_text(config.vq_vae) + shape_text(config.transformer), []).append(number)
    lines = []
    for members in list(groups.values())[:most]:
        config = configs[members[0]]
        autoencoder, prior = network_of(config, "vq_vae"), network_of(config, "transformer")
        whose = (
            labels[members[0]] if len(members) == 1 else f"{len(members)} jobs, such as {labels[members[0]]}"
        )
        lines.append(
            f"  VQ-VAE {_parameters(autoencoder)}, {autoencoder.num_codes} codes a quarter out of "
            f"{autoencoder.num_embeddings}; transformer {_parameters(prior)}: {whose}"
        )
    if len(groups) > most:
        lines.append(f"  and {len(groups) - most} more shapes")
    return lines


def _parameters(network: nn.Module) -> str:
    count = sum(parameter.numel() for parameter in network.parameters())
    return f"{count / 1e6:.2f} M parameters" if count >= 1e5 else f"{count / 1e3:.1f} k parameters"


@dataclass
class Timed:
    """Times of training steps by shape, measured when first asked, within a budget.

    Attributes:
        threads: Of PyTorch while it is measured.
        budget_s: Once it is spent, shapes that were not timed get the mean of those that were.
    """

    threads: int
    budget_s: float
    all_timed: bool = True
    _seconds: dict[str, float] = field(default_factory=dict)
    _spent: float = 0.0

    def step_s(self, config: DictConfig, stage: str, shape: str) -> float:
        """Give the seconds of one update."""
        key = f"{stage} {shape}"
        if key in self._seconds:
            return self._seconds[key]
        same_stage = [took for name, took in self._seconds.items() if name.startswith(stage)]
        if self._spent > self.budget_s and same_stage:
            self.all_timed = False
            return sum(same_stage) / len(same_stage)
        began = time.monotonic()
        self._seconds[key] = _timed_step(config, stage, threads=self.threads)
        self._spent += time.monotonic() - began
        return self._seconds[key]


def _timed_step(config: DictConfig, stage: str, *, threads: int, repeats: int = 2) -> float:
    """Measure an update on random data: the quickest of a few after a first one."""
    before, state = torch.get_num_threads(), torch.get_rng_state()
    torch.set_num_threads(threads)
    try:
        network = network_of(config, stage).train()
        optimizer = instantiate(config.optimizer[stage])(parameter_groups(network))
        batch = _batch(config, stage, network)
        took = []
        for _ in range(1 + repeats):
            began = time.perf_counter()
            with _precision(config):
                loss = _loss(network, batch)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            took.append(time.perf_counter() - began)
        return min(took[1:])
    finally:
        torch.set_num_threads(before)
        torch.set_rng_state(state)


def _batch(config: DictConfig, stage: str, network: Any) -> torch.Tensor:
    size = config.batch_size[stage]
    if stage == "vq_vae":
        cells = torch.rand(size, network.channels, 88, 32) < 0.03
        return cells.float().contiguous(memory_format=torch.channels_last)
    positions = config.windows.window_quarters * 16
    return torch.randint(0, config.quantizer.num_embeddings, (size, positions))


def _loss(network: Any, batch: torch.Tensor) -> torch.Tensor:
    if batch.is_floating_point():
        output = network(batch)
        return reconstruction_loss(output.logits, batch).total + output.quantizer_loss
    return code_loss(network(batch), batch, mask=torch.ones_like(batch, dtype=torch.bool))


def _precision(config: DictConfig) -> contextlib.AbstractContextManager:
    precision = config.trainer.precision
    if precision == "auto":
        precision = fastest_precision("cpu")
    return torch.autocast("cpu", torch.bfloat16) if "bf16" in str(precision) else contextlib.nullcontext()
