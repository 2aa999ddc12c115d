"""What is to be done in a run: its stages, and how each network is trained."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from musicgen.data.batches.transposition import Transposition
from musicgen.training.optim import OptimizerFactory, SchedulerFactory
from musicgen.training.stages import TRAINED

KEEP = ("best", "last")
STAGES = (*TRAINED, "generate", "evaluate")


@dataclass(frozen=True)
class StagePlan:
    """How one network is trained.

    Attributes:
        config: The network's config in plain values, kept in its checkpoint.
        optimizer: Makes the optimizer.
        scheduler: Makes the schedule.
        max_epochs: Passes over the training pieces.
        batch_size: Slices or windows an update, a device.
        init_from: A run whose weights it starts from; None for fresh ones.
        updates_per_epoch: Updates an epoch has; None for one pass over the training pieces.
        transpose: Training slices are moved by up to so many semitones; the autoencoder's alone.
        keep: Which state is the run's: `best` on held-out pieces, or that after the `last` epoch.
        settings: All of the config that its weights may follow from, in plain values.
    """

    config: dict[str, Any]
    optimizer: OptimizerFactory
    scheduler: SchedulerFactory
    max_epochs: int
    batch_size: int
    init_from: Path | None = None
    updates_per_epoch: int | None = None
    transpose: int = 0
    keep: str = "best"
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what trains nothing, before anything is trained."""
        for name in ("max_epochs", "batch_size", "updates_per_epoch"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name}={value}; use 1 or more")
        Transposition(self.transpose)
        if self.keep not in KEEP:
            raise ValueError(f"keep={self.keep}; use {' or '.join(KEEP)}")


def check_stages(stages: Sequence[str]) -> None:
    """Refuse stages that there are not.

    Raises:
        ValueError: One is unknown, or none is named.
    """
    unknown = sorted(set(stages) - set(STAGES))
    if unknown or not stages:
        raise ValueError(f"stages={list(stages)}; use one or more of {', '.join(STAGES)}")
