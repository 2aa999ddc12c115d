"""What a stage is that trains a network and writes its checkpoints."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytorch_lightning as pl
import torch
from torch import nn

from musicgen.checkpoint import Network, describe, fingerprint, load_network
from musicgen.files.hashing import hash_file
from musicgen.files.run_folders import find_run
from musicgen.generation.asking.labelling import FieldValues
from musicgen.pipeline.context import RunContext
from musicgen.pipeline.initial_weights import check_start, extended_values, start_from
from musicgen.pipeline.report_progress import ReportProgress
from musicgen.pipeline.stage import Stage, Stages
from musicgen.training.callbacks import StopOnNonFinite
from musicgen.training.checkpoints import RandomState, StageCheckpoint
from musicgen.training.optim import OptimizerFactory, SchedulerFactory

KEEP = ("best", "last")


@dataclass(kw_only=True)
class NetworkStage(Stage):
    """A stage that trains a network and writes its checkpoints.

    Attributes:
        make_network: Builds the network with fresh weights; the config's `network`.
        optimizer: Makes the optimizer.
        scheduler: Makes the schedule.
        max_epochs: Passes over the training pieces.
        batch_size: Samples per update and device.
        updates_per_epoch: Updates per epoch; None for one pass over the training pieces.
        keep: Which state is saved: `best` on held-out pieces, or the `last` epoch's.
        init_from: Run or model with initial weights; None for random ones.
        monitor: Held-out metric that selects the best state; lower is better.
        network: The network; set by `build`.
        can_be_sharded: Whether its weights may lie in parts on several devices (`trainer=fsdp`).
    """

    can_be_sharded: ClassVar[bool] = True
    make_network: Callable[..., nn.Module]
    optimizer: OptimizerFactory
    scheduler: SchedulerFactory
    max_epochs: int
    batch_size: int
    updates_per_epoch: int | None = None
    keep: str = "best"
    init_from: str | Path | None = None
    monitor: str = ""
    network: nn.Module = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Validate the settings before anything is trained."""
        super().__post_init__()
        for name in ("max_epochs", "batch_size", "updates_per_epoch"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name}={value}; use 1 or more")
        if self.keep not in KEEP:
            raise ValueError(f"keep={self.keep}; use {' or '.join(KEEP)}")

    def build(self, stages: Stages) -> None:
        """Build the network with fresh weights."""
        self.network = self.make_network()

    def rebuild(self, **arguments: Any) -> None:
        """Build the network with what is known of the pieces; later stages draw the same weights after it.

        Args:
            arguments: Of the network, beside those of its settings, which take them up.
        """
        self.settings = {**self.settings, "network": {**self.settings.get("network", {}), **arguments}}
        with torch.random.fork_rng(devices=[]):
            self.network = self.make_network(**arguments)

    @abstractmethod
    def module(self, run: RunContext | None) -> pl.LightningModule:
        """Build the Lightning module around the network.

        Args:
            run: The run; None to time single updates without validation.
        """

    @abstractmethod
    def data(self, run: RunContext) -> pl.LightningDataModule:
        """Build the batches of the run's pieces."""

    @abstractmethod
    def build_batch(self) -> Any:
        """Make one training batch of random values in the shapes and types of real ones, to time updates."""

    def count_updates(self, train_quarters: int) -> int:
        """Estimate the updates of all epochs from the number of training quarters."""
        samples = max(1, self.count_samples(train_quarters))
        return (self.updates_per_epoch or -(-samples // self.batch_size)) * self.max_epochs

    def count_samples(self, train_quarters: int) -> int:
        """Estimate the samples of an epoch: quarters, unless a stage cuts others."""
        return train_quarters

    def shape(self) -> dict[str, Any]:
        """Collect the settings that affect the time of an update."""
        return {"network": self.settings.get("network"), "batch_size": self.batch_size}

    def size_text(self) -> str:
        """Describe the size of the network in a few words."""
        count = sum(parameter.numel() for parameter in self.network.parameters())
        return f"{count / 1e6:.2f} M parameters" if count >= 1e5 else f"{count / 1e3:.1f} k parameters"

    def load(self, run: RunContext) -> Network:
        """Read the trained network from the run folder, in evaluation mode."""
        return load_network(run.folder, self.name, nn.Module)

    def inputs(self, run: RunContext) -> dict[str, Any]:
        """Collect settings, pieces, seed, initial weights, and the weights of the stages it needs."""
        start = self.init_from and find_run(self.init_from) / "checkpoints" / f"{self.name}.ckpt"
        excluded = ("init_from", "title", "charts")
        settings = {name: value for name, value in self.settings.items() if name not in excluded}
        return {
            **settings,
            "data": run.data_inputs,
            "seed": run.seed,
            "initial_sha256": fingerprint(self.network),
            "init_from_sha256": hash_file(start) if start and start.is_file() else None,
            **{f"{need}_sha256": fingerprint(run.network(need).module) for need in self.needs},
        }

    def check_start(self) -> None:
        """Check that the initial weights of `init_from`, if given, fit the network.

        Raises:
            FileNotFoundError: The run has no such network.
            ValueError: They do not fit; the message says in which settings.
        """
        if self.init_from is not None:
            settings = self.settings.get("network") or {}
            check_start(self.network, self.init_from, stage=self.name, settings=settings)

    def initialise(self, run: RunContext) -> None:
        """Load the initial weights of `init_from`, if given."""
        if self.init_from is not None:
            start_from(self.network, self.init_from, stage=self.name)

    def with_initial_values(self, values: FieldValues, fields: Sequence[str]) -> FieldValues:
        """Let labels mean what they mean to the initial weights; unchanged without any.

        Args:
            values: Names and edges of the training pieces.
            fields: What the network is told of a piece.
        """
        if self.init_from is None:
            return values
        return extended_values(values, self.init_from, stage=self.name, fields=fields)

    def description(self, run: RunContext) -> dict[str, Any]:
        """Describe the network in plain values, for its checkpoint."""
        return describe(
            self.name,
            config=dict(self.settings["network"]),
            grid=dict(run.grid_config),
            data=run.data_description(),
        )

    def run(self, run: RunContext, checkpoint: Path | None) -> None:
        """Train the network."""
        if checkpoint is None:
            self.initialise(run)
        module, data = self.module(run), self.data(run)
        self.label(module, number=run.number_of(self.name))
        prefix = next(f"{name}." for name, child in module.named_children() if child is self.network)
        pl.seed_everything(run.seed, verbose=False)
        checkpoints = StageCheckpoint(
            run.folder / "checkpoints",
            stage=self.name,
            monitor=self.monitor if self.keep == "best" else None,
            description={**self.description(run), "state_prefix": prefix},
        )
        progress = ReportProgress(run.status)
        trainer = run.make_trainer(
            max_epochs=self.max_epochs,
            default_root_dir=run.folder,
            logger=run.loggers,
            callbacks=[*run.make_callbacks(), RandomState(), StopOnNonFinite(), progress, checkpoints],
        )
        trainer.fit(module, datamodule=data, ckpt_path=checkpoint, weights_only=True)

    def label(self, module: pl.LightningModule, *, number: int = 0) -> None:
        """Set name, title and index of the stage on a module, for callbacks."""
        labels = {"stage": self.name, "title": self.title, "stage_number": number}
        for name, value in labels.items():
            setattr(module, name, value)
