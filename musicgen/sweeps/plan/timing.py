"""Measured time of a training update, and of what follows training, on this machine."""

import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig
from torch.utils.data import DataLoader

from musicgen.baselines.budget import EpochTimer
from musicgen.pipeline.build_stages import build_stages
from musicgen.pipeline.network_stage import NetworkStage
from musicgen.pipeline.stage import Stage
from musicgen.sweeps.plan.works import Work, known_extent
from musicgen.training.trainer import fastest_precision

_WARM_UP, _TIMED = 1, 4  # updates


def network_stages(config: DictConfig) -> list[NetworkStage]:
    """Build the stages that a config trains, with fresh networks, without refused ones."""
    stages = _built(config)
    trained = (s for s in stages.values() if isinstance(s, NetworkStage) and s.name in config.stages)
    return [s for s in trained if not s.refusal(stages)]


def _built(config: DictConfig) -> dict[str, Stage]:
    stages = build_stages(config)
    for stage in stages.values():
        if not stage.refusal(stages):
            stage.build(stages)
    return stages


@dataclass
class Timed:
    """Times of steps by shape, measured on demand within a budget.

    Attributes:
        threads: PyTorch threads during measurement.
        budget_s: Seconds after which further shapes get the mean of the measured ones.
    """

    threads: int
    budget_s: float
    all_timed: bool = True
    _seconds: dict[str, float | None] = field(default_factory=dict)
    _spent: float = 0.0

    def step_s(self, work: Work) -> float | None:
        """Return the seconds of an update, or of a stage without a network; measured, cached, or unknown."""
        key = f"{work.stage} {work.shape}"
        if key in self._seconds:
            return self._seconds[key]
        same_stage = [took for name, took in self._seconds.items() if name.startswith(work.stage)]
        if self._spent > self.budget_s and same_stage:
            self.all_timed = False
            known = [took for took in same_stage if took is not None]
            return sum(known) / len(known) if known else None
        began = time.monotonic()
        self._seconds[key] = (_timed_update if work.trains else _foreseen_s)(work, threads=self.threads)
        self._spent += time.monotonic() - began
        return self._seconds[key]


@contextmanager
def _set_apart(threads: int) -> Iterator[None]:
    """Time with so many threads, and leave threads and random numbers as they were."""
    before, state = torch.get_num_threads(), torch.get_rng_state()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        torch.set_rng_state(state)


def _foreseen_s(work: Work, *, threads: int) -> float | None:
    """Estimate the seconds of a stage without a network."""
    extent = known_extent(work.config)
    assert extent is not None, "what is not known is no work"
    with _set_apart(threads):
        stages = _built(work.config)
        if any(stages[need].refusal(stages) for need in stages[work.stage].needs):
            return 0.0  # it will be skipped
        return stages[work.stage].foreseen_s(stages, extent)


def _timed_update(work: Work, *, threads: int) -> float:
    """Time an update of a stage on a random batch: the mean after a warm-up."""
    config = work.config
    with _set_apart(threads):
        (stage,) = [stage for stage in network_stages(config) if stage.name == work.stage]
        timer = EpochTimer(clock=time.perf_counter, warm_up=_WARM_UP)
        updates = _WARM_UP + _TIMED + 1
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
                max_steps=updates,
                callbacks=[timer],
                **dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar"), False),
                enable_model_summary=False,
                limit_val_batches=0,
            )
            batches: Any = [stage.build_batch()] * updates
            trainer.fit(module, DataLoader(batches, batch_size=None))
        return timer.update_s
