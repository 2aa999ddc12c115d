"""Measured time of a training update on this machine."""

import time
import warnings
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig
from torch.utils.data import DataLoader

from musicgen.pipeline.build_stages import build_stages
from musicgen.pipeline.stage import NetworkStage
from musicgen.training.trainer import fastest_precision

_WARM_UP, _TIMED = 1, 2  # updates


def network_stages(config: DictConfig) -> list[NetworkStage]:
    """Build the stages that a config trains, with fresh networks, without refused ones."""
    stages = build_stages(config)
    for stage in stages.values():
        if isinstance(stage, NetworkStage) and not stage.refusal(stages):
            stage.build(stages)
    trained = (s for s in stages.values() if isinstance(s, NetworkStage) and s.name in config.stages)
    return [s for s in trained if not s.refusal(stages)]


@dataclass
class Timed:
    """Update times by shape, measured on demand within a budget.

    Attributes:
        threads: PyTorch threads during measurement.
        budget_s: Seconds after which further shapes get the mean of the measured ones.
    """

    threads: int
    budget_s: float
    all_timed: bool = True
    _seconds: dict[str, float] = field(default_factory=dict)
    _spent: float = 0.0

    def step_s(self, config: DictConfig, stage: str, shape: str) -> float:
        """Return the seconds per update, measured or cached."""
        key = f"{stage} {shape}"
        if key in self._seconds:
            return self._seconds[key]
        same_stage = [took for name, took in self._seconds.items() if name.startswith(stage)]
        if self._spent > self.budget_s and same_stage:
            self.all_timed = False
            return sum(same_stage) / len(same_stage)
        began = time.monotonic()
        self._seconds[key] = _timed_update(config, stage, threads=self.threads)
        self._spent += time.monotonic() - began
        return self._seconds[key]


class _UpdateTimes(pl.Callback):
    """Record the start time of each update."""

    def __init__(self) -> None:
        self.began: list[float] = []

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *rest: Any) -> None:
        """Record the time."""
        self.began.append(time.perf_counter())


def _timed_update(config: DictConfig, name: str, *, threads: int) -> float:
    """Time an update of a stage on a random batch: the fastest after a warm-up."""
    before, state = torch.get_num_threads(), torch.get_rng_state()
    torch.set_num_threads(threads)
    try:
        (stage,) = [stage for stage in network_stages(config) if stage.name == name]
        watch, updates = _UpdateTimes(), _WARM_UP + _TIMED
        precision: Any = config.trainer.precision
        if precision == "auto":
            precision = fastest_precision("cpu")
        module = stage.module(None)
        stage.label(module)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Lightning's advice on loaders and loggers
            trainer = pl.Trainer(
                accelerator="cpu",
                precision=precision,
                max_steps=updates + 1,
                callbacks=[watch],
                **dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar"), False),
                enable_model_summary=False,
                limit_val_batches=0,
            )
            batches: Any = [stage.build_batch()] * (updates + 1)
            trainer.fit(module, DataLoader(batches, batch_size=None))
        return min(end - begin for begin, end in pairwise(watch.began[_WARM_UP:]))
    finally:
        torch.set_num_threads(before)
        torch.set_rng_state(state)
