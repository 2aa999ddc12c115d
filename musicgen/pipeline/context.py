"""State shared by the stages of a run: folder, pieces, trainers, loggers and trained networks."""

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
    chain_baseline,
    prior_baselines,
    reconstruction_baselines,
    reconstruction_metrics,
)
from musicgen.models.autoencoder import Autoencoder
from musicgen.pipeline.encode import codes_by_split
from musicgen.pipeline.reuse.inputs import data_inputs
from musicgen.pipeline.reuse.record import last_checkpoint
from musicgen.pipeline.reuse.store import StageStore
from musicgen.pipeline.status import StatusFile
from musicgen.training.threads import ThreadPolicy

if TYPE_CHECKING:
    from musicgen.pipeline.stage import Stage

AUTOENCODER = "vq_vae"  # name of the stage that trains the autoencoder
KMEANS = "kmeans"  # name of the stage that finds codes for one that has none


@dataclass
class RunContext:
    """A run, as seen by its stages.

    Attributes:
        folder: The run folder.
        prepared: The pieces, split.
        grid_config: Config of their grid in plain values, stored in checkpoints to read prompts.
        seed: Seed of order, dropout and sampling.
        stages: All stages of the config, built, by name.
        make_trainer: Makes the trainer from epochs, callbacks and loggers.
        make_callbacks: Makes the user's callbacks for the training of a stage.
        loggers: Lightning loggers.
        status: The run's status file.
        environment: Configs of trainer, callbacks and loggers in plain values.
        resume: Continue from the last checkpoints in the folder.
        store: Trained stages of other runs; None to train all stages in this run.
        threads: How many threads a stage computes with.
        metrics: Metrics measured by `evaluate`.
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
        """Return the trained network of a stage, read from the run folder and cached.

        Raises:
            FileNotFoundError: The stage has no checkpoint yet.
            ValueError: The checkpoint is damaged, or belongs to other networks.
        """
        if name not in self._networks:
            self._networks[name] = self.stages[name].load(self)  # pyright: ignore[reportAttributeAccessIssue]
        return self._networks[name]

    @property
    def autoencoder_network(self) -> Network[Autoencoder]:
        """The trained autoencoder, with the codes of k-means once the run has found them."""
        return self.network(KMEANS if last_checkpoint(self.folder, KMEANS).is_file() else AUTOENCODER)

    @property
    def autoencoder(self) -> Autoencoder:
        """The trained autoencoder, in evaluation mode on the CPU."""
        return self.autoencoder_network.module

    @cached_property
    def codes(self) -> dict[str, PieceCodes]:
        """The pieces as codes of the trained autoencoder, by split."""
        return codes_by_split(
            self.autoencoder_network,
            self.prepared,
            device=self.device_trainer.strategy.root_device,
            reuse=self.store is not None,
        )

    @cached_property
    def reconstruction(self) -> dict[str, float]:
        """Reconstruction metrics of the trained autoencoder on held-out pieces, in full precision."""
        return reconstruction_metrics(self.autoencoder, self.prepared.splits["val"])

    @property
    def decoder_bits(self) -> float:
        """Bits per quarter of the trained decoder given the codes, on the held-out pieces."""
        return self.reconstruction["decoder_bits"]

    @cached_property
    def reconstruction_baselines(self) -> dict[str, float]:
        """BCE of trivial predictions, the baselines of the autoencoder."""
        return reconstruction_baselines(self.prepared.splits["train"], self.prepared.splits["val"])

    @cached_property
    def prior_baselines(self) -> dict[str, float]:
        """Cross-entropy of trivial priors and bits of a chain without codes, the baselines of the prior."""
        vocabulary = self.autoencoder.vocabulary
        assert vocabulary is not None, "a prior is trained on codes"
        train, val = (self.prepared.splits[name] for name in ("train", "val"))
        return {
            **prior_baselines(self.codes["train"], self.codes["val"], num_embeddings=vocabulary.size),
            **chain_baseline(self.autoencoder, train, val),
        }

    @cached_property
    def device_trainer(self) -> pl.Trainer:
        """A trainer that trains nothing, used to look up the device and ranks."""
        return self.make_trainer(logger=False, enable_checkpointing=False, enable_progress_bar=False)

    @cached_property
    def data_inputs(self) -> dict[str, Any]:
        """The content hashes of the pieces used in training."""
        return data_inputs(self.prepared, grid=self.grid_config)

    def number_of(self, name: str) -> int:
        """Return the index of a stage in the config."""
        return list(self.stages).index(name)

    def data_description(self) -> dict[str, Any]:
        """Describe the pieces: their source, their number and a hash of their contents."""
        contents = "\n".join(sorted(piece.content for piece in self.prepared.pieces))
        return {
            "source": self.prepared.summary["source"],
            "pieces": len(self.prepared.pieces),
            "contents_sha256": hashlib.sha256(contents.encode()).hexdigest(),
        }
