"""What the stages of a run share: folder, pieces, trainers, loggers, and the networks trained so far."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import Logger

from musicgen.checkpoint import Network
from musicgen.data.batches.codes import PieceCodes
from musicgen.data.prepare import Prepared
from musicgen.measure.evaluate import (
    prior_baselines,
    reconstruction_baselines,
    reconstruction_metrics,
)
from musicgen.models.autoencoder import Autoencoder
from musicgen.pipeline.encode import codes_by_split
from musicgen.pipeline.reuse.inputs import data_inputs
from musicgen.pipeline.reuse.store import StageStore
from musicgen.pipeline.status import StatusFile
from musicgen.training.threads import ThreadPolicy

if TYPE_CHECKING:
    from musicgen.pipeline.stage import Stage

AUTOENCODER = "vq_vae"  # the stage whose codes others learn


@dataclass
class RunContext:
    """One run, as its stages see it.

    Attributes:
        folder: The run folder.
        prepared: The pieces, split.
        grid_config: How they were cut, in plain values, kept in checkpoints to read prompts by.
        seed: Of order, dropout and sampling.
        stages: All stages of the config, built, by name.
        make_trainer: `pytorch_lightning.Trainer` except for epochs, callbacks and loggers.
        make_callbacks: Makes what a user adds to the training of a stage.
        loggers: Where curves go.
        status: Where progress is reported.
        environment: Trainer, callbacks and loggers in plain values: they decide weights and curves as well.
        resume: Continue from the last checkpoints in the folder.
        store: Trained stages of other runs; None trains all stages here.
        threads: How many threads a stage computes with.
        metrics: What `evaluate` measured.
    """

    folder: Path
    prepared: Prepared
    grid_config: Mapping[str, Any]
    seed: int
    stages: Mapping[str, "Stage"]
    make_trainer: Callable[..., pl.Trainer]
    make_callbacks: Callable[[], list[Callback]]
    loggers: Sequence[Logger]
    status: StatusFile
    environment: Mapping[str, Any]
    resume: bool = False
    store: StageStore | None = None
    threads: ThreadPolicy = field(default_factory=ThreadPolicy)
    metrics: dict[str, float] = field(default_factory=dict)
    _networks: dict[str, Network] = field(default_factory=dict)

    def network(self, name: str) -> Network:
        """Read the trained network of a stage from the run folder, once.

        Raises:
            FileNotFoundError: The stage has left no checkpoint yet.
            ValueError: The checkpoint is damaged, or belongs to other networks.
        """
        if name not in self._networks:
            self._networks[name] = self.stages[name].load(self)  # pyright: ignore[reportAttributeAccessIssue]
        return self._networks[name]

    @property
    def autoencoder(self) -> Autoencoder:
        """The trained autoencoder, in evaluation mode on the CPU."""
        return self.network(AUTOENCODER).module

    @cached_property
    def codes(self) -> dict[str, PieceCodes]:
        """The pieces as codes of the trained autoencoder, by split."""
        return codes_by_split(
            self.network(AUTOENCODER),
            self.prepared,
            device=self.device_trainer.strategy.root_device,
            reuse=self.store is not None,
        )

    @cached_property
    def reconstruction(self) -> dict[str, float]:
        """How well the trained autoencoder reproduces the held-out pieces, in full precision."""
        return reconstruction_metrics(self.autoencoder, self.prepared.splits["val"])

    @property
    def decoder_bits(self) -> float:
        """What the trained decoder needs beyond the codes on the held-out pieces, in bits per quarter."""
        return self.reconstruction["decoder_bits"]

    @cached_property
    def reconstruction_baselines(self) -> dict[str, float]:
        """The trivial predictions beside which every BCE must be read."""
        return reconstruction_baselines(self.prepared.splits["train"], self.prepared.splits["val"])

    @cached_property
    def prior_baselines(self) -> dict[str, float]:
        """The trivial priors beside which every prior must be read."""
        vocabulary = self.autoencoder.vocabulary
        assert vocabulary is not None, "a prior is trained on codes"
        return prior_baselines(self.codes["train"], self.codes["val"], num_embeddings=vocabulary.size)

    @cached_property
    def device_trainer(self) -> pl.Trainer:
        """A trainer that trains nothing, to ask where the others will run."""
        return self.make_trainer(logger=False, enable_checkpointing=False, enable_progress_bar=False)

    @cached_property
    def data_inputs(self) -> dict[str, Any]:
        """The pieces that training sees, by their contents."""
        return data_inputs(self.prepared, grid=self.grid_config)

    def number_of(self, name: str) -> int:
        """Number the stages in the order of the config, from 0."""
        return list(self.stages).index(name)

    def data_description(self) -> dict[str, Any]:
        """Describe the pieces: their source, their number and a hash of their contents."""
        contents = "\n".join(sorted(piece.content for piece in self.prepared.pieces))
        return {
            "source": self.prepared.summary["source"],
            "pieces": len(self.prepared.pieces),
            "contents_sha256": hashlib.sha256(contents.encode()).hexdigest(),
        }
