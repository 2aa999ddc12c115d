"""The stages of a run: train the autoencoder, turn pieces into codes, train the prior, write, measure."""

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import Logger, TensorBoardLogger

from musicgen.checkpoint import Network, describe, fingerprint, load_autoencoder, load_transformer
from musicgen.data.codes import PieceCodes
from musicgen.data.datamodule import CodeDataModule, MidiDataModule
from musicgen.data.density import channel_densities
from musicgen.data.prepare import Prepared
from musicgen.evaluation.evaluate import (
    METRICS_FILE,
    decoder_bits_per_quarter,
    evaluate_run,
    reconstruction_baselines,
    reconstruction_metrics,
    write_metrics,
)
from musicgen.generation.generate import Sampling, generate_pieces
from musicgen.generation.tokenize import encode_pieces
from musicgen.generation.writing import write_pieces
from musicgen.models.autoencoder import Autoencoder
from musicgen.models.prior import Prior
from musicgen.training.callbacks import RandomState, StageCheckpoint, StopOnNonFinite
from musicgen.training.figures import ReconstructionFigures
from musicgen.training.optim import OptimizerFactory, SchedulerFactory
from musicgen.training.pictures import log_generated
from musicgen.training.transformer_module import TransformerModule
from musicgen.training.vq_vae_module import VqVaeModule

log = logging.getLogger(__name__)

STAGES = ("vq_vae", "transformer", "generate", "evaluate")
KNOBS = (
    "epochs",
    "seed",
    "data",
    "grid",
    "quantizer",
    "vq_vae",
    "transformer",
    "optimizer",
    "scheduler",
    "batch_size",
    "max_epochs",
    "windows",
    "sampling",
)  # what of the config is a setting of the experiment; the rest is where and how it runs


@dataclass(frozen=True)
class StagePlan:
    """How one network is trained.

    Attributes:
        config: The network's config in plain values, kept in its checkpoint.
        optimizer: Makes the optimizer.
        scheduler: Makes the schedule.
        max_epochs: Passes over the training pieces.
        batch_size: Slices or windows an update, a device.
    """

    config: dict[str, Any]
    optimizer: OptimizerFactory
    scheduler: SchedulerFactory
    max_epochs: int
    batch_size: int

    def __post_init__(self) -> None:
        """Refuse counts that train nothing, before anything is trained."""
        for name in ("max_epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)}; use 1 or more")


@dataclass
class Pipeline:
    """One run: the networks, the pieces and how they meet.

    Attributes:
        folder: The run folder.
        prepared: The pieces, split.
        grid_config: How they were cut, in plain values, kept in checkpoints to read prompts by.
        autoencoder: To be trained.
        transformer: To be trained.
        vq_vae: How the autoencoder is trained.
        prior: How the transformer is trained.
        make_trainer: `pytorch_lightning.Trainer` but for epochs, callbacks and loggers.
        make_callbacks: Makes what a user adds to the training of a stage.
        logger: Where curves go.
        sampling: How codes are drawn.
        window_quarters: What the transformer sees at once.
        hop_quarters: From one training window to the next.
        num_pieces: How many pieces are generated.
        num_quarters: Their length.
        tempo_bpm: Their tempo.
        seed: Of order, dropout and sampling.
        resume: Go on from the last checkpoints in the folder.
    """

    folder: Path
    prepared: Prepared
    grid_config: dict[str, Any]
    autoencoder: Autoencoder
    transformer: Prior
    vq_vae: StagePlan
    prior: StagePlan
    make_trainer: Callable[..., pl.Trainer]
    make_callbacks: Callable[[], list[Callback]]
    logger: list[Logger]
    sampling: Sampling
    window_quarters: int
    hop_quarters: int
    num_pieces: int
    num_quarters: int
    tempo_bpm: float
    seed: int
    resume: bool = False
    _metrics: dict[str, float] = field(default_factory=dict)

    def run(self, stages: Sequence[str]) -> dict[str, float]:
        """Run stages in their order.

        Args:
            stages: Any of `STAGES`.

        Returns:
            The figures of the run, if it was evaluated.

        Raises:
            ValueError: The folder holds checkpoints already and nobody said to go on from them.
        """
        self._check_folder(stages)
        for stage in STAGES:
            if stage in stages:
                {
                    "vq_vae": self.train_vq_vae,
                    "transformer": self.train_transformer,
                    "generate": self.generate,
                    "evaluate": self.evaluate,
                }[stage]()
        return self._metrics

    def train_vq_vae(self) -> None:
        """Train the autoencoder from the density of its data; leave its checkpoints."""
        pieces = self.prepared.splits
        midi = MidiDataModule(
            self.prepared,
            batch_size=self.vq_vae.batch_size,
            channels=self.autoencoder.channels,
            seed=self.seed,
        )
        densities = channel_densities(pieces["train"], channels=self.autoencoder.channels)
        self.autoencoder.set_output_bias(densities)
        module = VqVaeModule(
            self.autoencoder.to(memory_format=torch.channels_last),  # pyright: ignore[reportCallIssue]
            optimizer=self.vq_vae.optimizer,
            scheduler=self.vq_vae.scheduler,
            val_figures=ReconstructionFigures(pieces["val"], num_embeddings=self.autoencoder.num_embeddings),
        )
        for logger in self.logger:
            logger.log_metrics(reconstruction_baselines(pieces["train"], pieces["val"]), step=0)
        self._fit(module, midi, plan=self.vq_vae, monitor="vq_vae/val/bce")

    def train_transformer(self) -> None:
        """Train the transformer on the codes of the best autoencoder; leave its checkpoints."""
        autoencoder = self._best_autoencoder.module
        figures = reconstruction_metrics(autoencoder, self.prepared.splits["val"])
        module = TransformerModule(
            self.transformer,
            optimizer=self.prior.optimizer,
            scheduler=self.prior.scheduler,
            codes_per_quarter=autoencoder.num_codes,
            decoder_bits_per_quarter=decoder_bits_per_quarter(figures["bce"]),
        )
        windows = CodeDataModule(
            self._codes,
            window_quarters=self.window_quarters,
            hop_quarters=self.hop_quarters,
            start_token=self.transformer.start_token,
            batch_size=self.prior.batch_size,
            seed=self.seed,
        )
        self._fit(
            module,
            windows,
            plan=self.prior,
            monitor="transformer/val/nats_per_code",
            autoencoder_sha256=fingerprint(autoencoder),
        )

    def generate(self) -> None:
        """Write new pieces with the best networks, and show them in TensorBoard."""
        autoencoder = self._best_autoencoder.module
        pieces = generate_pieces(
            autoencoder,
            load_transformer(self.folder, autoencoder=autoencoder).module,
            num_pieces=self.num_pieces,
            num_quarters=self.num_quarters,
            seed=self.seed,
            sampling=self.sampling,
            tempo_bpm=self.tempo_bpm,
        )
        paths = write_pieces(pieces, self.folder / "generated", tempo_bpm=self.tempo_bpm)
        log.info(
            "Wrote %d pieces of %d quarters to %s", len(paths), self.num_quarters, self.folder / "generated"
        )
        log_generated(pieces, self.logger)

    def evaluate(self) -> None:
        """Measure the run and write `metrics.json`."""
        self._metrics = evaluate_run(
            self.folder, self.prepared, codes=self._codes, window_quarters=self.window_quarters
        )
        write_metrics(self._metrics, self.folder / METRICS_FILE)
        log.info("Figures: %s", self.folder / METRICS_FILE)

    def log_settings(self, settings: dict[str, Any], metrics: dict[str, float]) -> None:
        """Put the run's settings and final figures into TensorBoard's HParams tab.

        Args:
            settings: The composed config in plain values.
            metrics: What the run reached.
        """
        flat = {name: value for name, value in _flatten(settings) if name.split(".")[0] in KNOBS}
        for logger in self.logger:
            if isinstance(logger, TensorBoardLogger):
                logger.log_hyperparams(flat, {f"final/{name}": value for name, value in metrics.items()})
            logger.finalize("success")

    @cached_property
    def _best_autoencoder(self) -> Network[Autoencoder]:
        return load_autoencoder(self.folder)

    @cached_property
    def _codes(self) -> dict[str, PieceCodes]:
        autoencoder = self._best_autoencoder.module
        return {
            name: encode_pieces(autoencoder, pieces, description=f"Encoding {name}")
            for name, pieces in self.prepared.splits.items()
        }

    def _fit(
        self,
        module: VqVaeModule | TransformerModule,
        data: pl.LightningDataModule,
        *,
        plan: StagePlan,
        monitor: str,
        autoencoder_sha256: str | None = None,
    ) -> None:
        pl.seed_everything(self.seed, verbose=False)
        checkpoints = self.folder / "checkpoints"
        description = describe(
            module.stage,
            config=plan.config,
            grid=self.grid_config,
            data=self._data_description(),
            autoencoder_sha256=autoencoder_sha256,
        )
        trainer = self.make_trainer(
            max_epochs=plan.max_epochs,
            default_root_dir=self.folder,
            logger=self.logger,
            callbacks=[
                *self.make_callbacks(),
                RandomState(),
                StopOnNonFinite(),
                StageCheckpoint(checkpoints, stage=module.stage, monitor=monitor, description=description),
            ],
        )
        last = checkpoints / f"{module.stage}-last.ckpt"
        resume_from = str(last) if self.resume and last.is_file() else None
        trainer.fit(module, datamodule=data, ckpt_path=resume_from, weights_only=True)

    def _data_description(self) -> dict[str, Any]:
        contents = "\n".join(sorted(piece.content for piece in self.prepared.pieces))
        return {
            "source": self.prepared.summary["source"],
            "pieces": len(self.prepared.pieces),
            "contents_sha256": hashlib.sha256(contents.encode()).hexdigest(),
        }

    def _check_folder(self, stages: Sequence[str]) -> None:
        unknown = sorted(set(stages) - set(STAGES))
        if unknown or not stages:
            raise ValueError(f"stages={list(stages)}; use one or more of {', '.join(STAGES)}")
        there = [stage for stage in stages if (self.folder / "checkpoints" / f"{stage}-last.ckpt").exists()]
        if there and not self.resume:
            raise ValueError(
                f"{self.folder} already holds trained stages ({', '.join(there)}); "
                "use ckpt_path=last to go on with them, or another hydra.run.dir to begin anew"
            )


def _flatten(settings: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{key}.")
        elif not key.startswith("_"):
            yield f"{prefix}{key}", value if isinstance(value, bool | int | float | str) else str(value)
