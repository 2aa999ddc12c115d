"""A run: train the autoencoder, turn pieces into codes, train the prior, write, measure."""

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities.rank_zero import rank_zero_only
from torch import nn

from musicgen.checkpoint import Network, describe, fingerprint, load_autoencoder, load_transformer
from musicgen.data.batches.codes import PieceCodes
from musicgen.data.prepare import Prepared
from musicgen.files.hashing import hash_file
from musicgen.generation.generate import Sampling, generate_pieces
from musicgen.generation.writing import write_pieces
from musicgen.measure.evaluate import METRICS_FILE, evaluate_run, reconstruction_baselines, write_metrics
from musicgen.models.autoencoder import Autoencoder
from musicgen.models.priors.base import Prior
from musicgen.pipeline.charts import log_layout
from musicgen.pipeline.encode import codes_by_split
from musicgen.pipeline.plan import STAGES, StagePlan, check_stages
from musicgen.pipeline.report_progress import ReportProgress
from musicgen.pipeline.reuse.inputs import StageInputs, data_inputs, environment_of
from musicgen.pipeline.reuse.obtain import Stages
from musicgen.pipeline.reuse.store import StageStore
from musicgen.pipeline.status import StatusFile
from musicgen.pipeline.training import Training, transformer_training, vq_vae_training
from musicgen.training.callbacks import StopOnNonFinite
from musicgen.training.checkpoints import RandomState, StageCheckpoint
from musicgen.training.pictures import log_generated
from musicgen.training.stages import TRAINED

log = logging.getLogger(__name__)


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
        loggers: Where curves go.
        sampling: How codes are drawn.
        window_quarters: What the transformer sees at once.
        hop_quarters: From one training window to the next.
        num_pieces: How many pieces are generated.
        num_quarters: Their length.
        tempo_bpm: Their tempo.
        seed: Of order, dropout and sampling.
        status: Where progress is told.
        environment: Trainer, callbacks and loggers in plain values: they decide weights and curves, too.
        resume: Go on from the last checkpoints in the folder.
        store: Trained stages of other runs; None trains all of its own.
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
    loggers: list[Logger]
    sampling: Sampling
    window_quarters: int
    hop_quarters: int
    num_pieces: int
    num_quarters: int
    tempo_bpm: float
    seed: int
    status: StatusFile
    environment: dict[str, Any]
    resume: bool = False
    store: StageStore | None = None
    _metrics: dict[str, float] = field(default_factory=dict)

    def run(self, stages: Sequence[str]) -> dict[str, float]:
        """Run stages in their order; of several ranks the first alone writes and measures.

        Args:
            stages: Any of `STAGES`.

        Returns:
            The metrics of the run, if it was evaluated.

        Raises:
            ValueError: The folder holds checkpoints already and nobody said to go on from them.
        """
        self._check_folder(stages)
        log_layout(self.loggers)
        for stage in STAGES:
            if stage in stages and (stage in TRAINED or rank_zero_only.rank == 0):
                self.status.update(stage=stage, epoch=0, max_epochs=0, seconds_left=None)
                {
                    "vq_vae": self.train_vq_vae,
                    "transformer": self.train_transformer,
                    "generate": self.generate,
                    "evaluate": self.evaluate,
                }[stage]()
        return self._metrics

    def train_vq_vae(self) -> None:
        """Come by a trained autoencoder; leave its checkpoints."""
        plan, pieces = self.vq_vae, self.prepared.splits

        def fit(checkpoint: Path | None) -> None:
            training = vq_vae_training(self.autoencoder, self.prepared, plan=plan, seed=self.seed)
            for logger in self.loggers if checkpoint is None else ():
                logger.log_metrics(reconstruction_baselines(pieces["train"], pieces["val"]), step=0)
            self._fit(training, plan=plan, checkpoint=checkpoint)

        self._stages.obtain("vq_vae", self._inputs("vq_vae", plan, self.autoencoder), fit=fit)

    def train_transformer(self) -> None:
        """Come by a transformer of the best autoencoder's codes; leave its checkpoints."""
        plan, autoencoder = self.prior, self._best_autoencoder.module
        windows = {"window_quarters": self.window_quarters, "hop_quarters": self.hop_quarters}

        def fit(checkpoint: Path | None) -> None:
            training = transformer_training(
                self.transformer,
                self._codes,
                autoencoder=autoencoder,
                prepared=self.prepared,
                plan=plan,
                seed=self.seed,
                **windows,
            )
            self._fit(training, plan=plan, checkpoint=checkpoint)

        codes = {"autoencoder_sha256": fingerprint(autoencoder), **windows}
        inputs = self._inputs("transformer", plan, self.transformer, **codes)
        self._stages.obtain("transformer", inputs, fit=fit)

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
        folder = self.folder / "generated"
        paths = write_pieces(pieces, folder)
        log.info("Wrote %d pieces of %d quarters to %s", len(paths), self.num_quarters, folder)
        log_generated(pieces, self.loggers)

    def evaluate(self) -> None:
        """Measure the run and write `metrics.json`."""
        self._metrics = evaluate_run(
            self.folder, self.prepared, codes=self._codes, window_quarters=self.window_quarters
        )
        write_metrics(self._metrics, self.folder / METRICS_FILE)
        log.info("Metrics: %s", self.folder / METRICS_FILE)

    @cached_property
    def _best_autoencoder(self) -> Network[Autoencoder]:
        return load_autoencoder(self.folder)

    @cached_property
    def _codes(self) -> dict[str, PieceCodes]:
        return codes_by_split(
            self._best_autoencoder,
            self.prepared,
            device=self._trainer.strategy.root_device,
            reuse=self.store is not None,
        )

    @cached_property
    def _stages(self) -> Stages:
        alone = self._trainer.world_size == 1
        return Stages(
            folder=self.folder,
            status=self.status,
            loggers=self.loggers,
            store=self.store if alone else None,
            resume=self.resume,
            is_first_rank=rank_zero_only.rank == 0,
        )

    @cached_property
    def _trainer(self) -> pl.Trainer:
        """Make a trainer that trains nothing, to ask where the others will run."""
        return self.make_trainer(logger=False, enable_checkpointing=False, enable_progress_bar=False)

    def _inputs(self, stage: str, plan: StagePlan, network: nn.Module, **more: Any) -> StageInputs:
        start = plan.init_from and plan.init_from / "checkpoints" / f"{stage}.ckpt"
        settings = {
            **plan.settings,
            "data": data_inputs(self.prepared, grid=self.grid_config),
            "seed": self.seed,
            "initial_sha256": fingerprint(network),
            "init_from_sha256": hash_file(start) if start and start.is_file() else None,
            **more,
        }
        accelerator = self._trainer.strategy.root_device.type
        around = environment_of(self.environment, accelerator=accelerator, settings=settings)
        return StageInputs(settings=settings, environment={**around, "ranks": self._trainer.world_size})

    def _fit(self, training: Training, *, plan: StagePlan, checkpoint: Path | None) -> None:
        pl.seed_everything(self.seed, verbose=False)
        stage = training.module.stage
        description = describe(
            stage,
            config=plan.config,
            grid=self.grid_config,
            data=self.data_description(),
            autoencoder_sha256=training.autoencoder_sha256,
        )
        monitor = training.monitor if plan.keep == "best" else None
        checkpoints = self.folder / "checkpoints"
        keep = StageCheckpoint(checkpoints, stage=stage, monitor=monitor, description=description)
        report = ReportProgress(self.status)
        trainer = self.make_trainer(
            max_epochs=plan.max_epochs,
            default_root_dir=self.folder,
            logger=self.loggers,
            callbacks=[*self.make_callbacks(), RandomState(), StopOnNonFinite(), report, keep],
        )
        trainer.fit(training.module, datamodule=training.data, ckpt_path=checkpoint, weights_only=True)

    def data_description(self) -> dict[str, Any]:
        """Say what the pieces are: their source, their number and a hash of their contents."""
        contents = "\n".join(sorted(piece.content for piece in self.prepared.pieces))
        return {
            "source": self.prepared.summary["source"],
            "pieces": len(self.prepared.pieces),
            "contents_sha256": hashlib.sha256(contents.encode()).hexdigest(),
        }

    def _check_folder(self, stages: Sequence[str]) -> None:
        check_stages(stages)
        there = [stage for stage in stages if (self.folder / "checkpoints" / f"{stage}-last.ckpt").exists()]
        if there and not self.resume:
            raise ValueError(
                f"{self.folder} already holds trained stages ({', '.join(there)}); "
                "use ckpt_path=last to go on with them, or another hydra.run.dir to begin anew"
            )
