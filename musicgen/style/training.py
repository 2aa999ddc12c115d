"""Train and cross-validate the composer and era classifier."""

import csv
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
from torch.utils.data import DataLoader

from musicgen.checkpoint import describe
from musicgen.data.batches.clips import FixedClips, PieceCounts, RandomClips, count_split
from musicgen.data.batches.sampler import EpochSampler
from musicgen.data.batches.slices import as_is
from musicgen.data.catalogue.pieces import Piece
from musicgen.data.catalogue.twins import grouped
from musicgen.data.prepare import Prepared
from musicgen.measure.evaluate import METRICS_FILE, write_metrics
from musicgen.models.style import StyleClassifier
from musicgen.music.metrics.patterns import FAMILIES
from musicgen.style.confusion import confusion_matrix, draw_confusion
from musicgen.style.folds import fold_of, half_of
from musicgen.style.forest import check_forest, forest_accuracy
from musicgen.style.predictions import (
    Prediction,
    accuracy,
    accuracy_metrics,
    majority_accuracy,
    predict_pieces,
    with_interval,
)
from musicgen.training.checkpoints import StageCheckpoint
from musicgen.training.modules.style_module import StyleModule
from musicgen.training.optim import OptimizerFactory, SchedulerFactory

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StyleTraining:
    """Cross-validation of the classifier: settings and the training loop.

    Attributes:
        folder: Output folder of checkpoint, confusion matrix and tables.
        network_config: The network's config in plain values, stored in its checkpoint.
        optimizer: Makes the optimizer.
        scheduler: Makes the schedule.
        max_epochs: Passes over the clips.
        batch_size: Clips per update.
        make_classifier: Makes the network from `composers`, `eras` and `families`.
        make_trainer: Makes the trainer from epochs, callbacks and loggers.
        logger: Lightning loggers of the first fold.
        clips: Settings of the training clips, see `RandomClips`.
        grid: The grid's config, stored in the checkpoint.
        seed: Seed of weights, clips and dropout.
        forest: Also measure the extra-trees baseline.
        half: Learn from this half of the training pieces, 0 or 1; None for all.
    """

    folder: Path
    network_config: dict[str, Any]
    optimizer: OptimizerFactory
    scheduler: SchedulerFactory
    max_epochs: int
    batch_size: int
    make_classifier: Callable[..., StyleClassifier]
    make_trainer: Callable[..., pl.Trainer]
    logger: list[Any]
    clips: dict[str, int]
    grid: dict[str, Any]
    seed: int
    forest: bool = True
    half: int | None = None

    def __post_init__(self) -> None:
        """Validate the settings before anything is trained."""
        for name in ("max_epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)}; use 1 or more")

    def run(self, prepared: Prepared, *, folds: Sequence[int]) -> dict[str, float]:
        """Train outside each fold and measure inside it, pooled over folds.

        Fold 0 holds out the default `val` and `test` pieces. The network of the first fold is saved. Held-out
        pieces select nothing: the final weights are measured.

        Args:
            prepared: The pieces.
            folds: Indices from 0 to 4.

        Returns:
            `style/val/…` and `baseline/{majority,forest}/piece_accuracy`.

        Raises:
            ValueError: A fold is out of range, or leaves nothing to train on or to hold out.
        """
        if self.forest:
            check_forest()
        counted, groups = count_pieces(prepared), grouped(prepared.twins or [])
        composers = sorted({piece.piece.surname for piece in counted})
        eras = sorted({piece.piece.era for piece in counted})
        predictions: dict[int, Prediction] = {}
        majority, forest = [], []
        began = time.process_time()
        for order, fold in enumerate(folds):
            train, held_out = fold_of(counted, fold=fold, groups=groups)
            train = half_of(train, half=self.half, groups=groups)
            classifier = self._train(train, held_out, composers=composers, eras=eras, keep=order == 0)
            predicted = predict_pieces(classifier, held_out)
            predictions |= {
                id(piece): prediction for piece, prediction in zip(held_out, predicted, strict=True)
            }
            names = [[piece.piece.surname for piece in side] for side in (train, held_out)]
            majority.append((majority_accuracy(*names), len(held_out)))
            if self.forest:
                forest.append(forest_accuracy(train, held_out, seed=self.seed))
        spent = time.process_time() - began
        held_out = [piece for piece in counted if id(piece) in predictions]
        found = [predictions[id(piece)] for piece in held_out]
        metrics = self._metrics(held_out, found, composers=composers, eras=eras)
        rates, sizes = zip(*majority, strict=True)
        metrics["baseline/majority/piece_accuracy"] = float(np.average(rates, weights=sizes))
        metrics["time/cpu_s"] = spent
        if forest:
            metrics |= with_interval("baseline/forest/piece_accuracy", accuracy(np.concatenate(forest)))
        write_metrics(metrics, self.folder / METRICS_FILE)
        return metrics

    def _train(
        self,
        train: list[PieceCounts],
        held_out: list[PieceCounts],
        *,
        composers: list[str],
        eras: list[str],
        keep: bool,
    ) -> StyleClassifier:
        pl.seed_everything(self.seed, verbose=False)
        network = {"composers": composers, "eras": eras, "families": list(FAMILIES.values())}
        module = StyleModule(
            self.make_classifier(**network), optimizer=self.optimizer, scheduler=self.scheduler
        )
        description = describe(
            "style",
            config={**self.network_config, **network},
            grid=self.grid,
            data={"pieces": len(train), "held_out": len(held_out)},
        )
        trainer = self.make_trainer(
            max_epochs=self.max_epochs,
            default_root_dir=self.folder,
            logger=self.logger if keep else False,
            enable_progress_bar=False,
            enable_checkpointing=keep,
            callbacks=[
                StageCheckpoint(
                    self.folder / "checkpoints", stage="style", monitor=None, description=description
                )
            ]
            if keep
            else [],
        )
        clips = RandomClips(train, composers=composers, eras=eras, **self.clips, seed=self.seed)
        trainer.fit(
            module,
            self._loader(clips, shuffle=True),
            self._loader(FixedClips(held_out, composers=composers, eras=eras), shuffle=False),
        )
        return module.classifier.eval()

    def _loader(self, clips: RandomClips | FixedClips, *, shuffle: bool) -> DataLoader:
        sampler = EpochSampler(clips, shuffle=shuffle, seed=self.seed)
        return DataLoader(clips, batch_size=self.batch_size, sampler=sampler, collate_fn=as_is)

    def _metrics(
        self,
        pieces: list[PieceCounts],
        predictions: list[Prediction],
        *,
        composers: list[str],
        eras: list[str],
    ) -> dict[str, float]:
        composer = np.array([composers.index(piece.piece.surname) for piece in pieces])
        era = np.array([eras.index(piece.piece.era) for piece in pieces])
        metrics = accuracy_metrics(predictions, composer=composer, era=era)
        predicted = np.array([prediction.composer.argmax() for prediction in predictions])
        draw_confusion(
            confusion_matrix(composer, predicted, classes=len(composers)),
            self.folder / "confusion.png",
            names=composers,
            title=f"{len(pieces)} held-out pieces, {metrics['style/val/piece_accuracy']:.0%} correct",
        )
        write_predictions(
            [piece.piece for piece in pieces], predictions, self.folder / "held_out.csv", composers=composers
        )
        return metrics | {"style/val/pieces": float(len(pieces))}


def count_pieces(prepared: Prepared) -> list[PieceCounts]:
    """Count the patterns of all pieces of all splits."""
    return [piece for split in prepared.splits.values() if len(split) for piece in count_split(split)]


def write_predictions(
    pieces: Sequence[Piece], predictions: Sequence[Prediction], path: Path, *, composers: Sequence[str]
) -> None:
    """Write a CSV row per piece: file, true composer, predicted composer, its probability."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "composer", "predicted", "probability"])
        for piece, prediction in zip(pieces, predictions, strict=True):
            best = int(prediction.composer.argmax())
            writer.writerow(
                [piece.path.name, piece.surname, composers[best], f"{prediction.composer[best]:.3f}"]
            )
