"""What all questions need: a run, the held-out pieces of its data, and a classifier."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from musicgen.checkpoint import build
from musicgen.cli.shared.pieces import prepared_pieces
from musicgen.config.tree import plain, read_run_config
from musicgen.data.catalogue.pieces import distinct
from musicgen.data.prepare import Prepared
from musicgen.generation.loaded_run import LoadedRun, load
from musicgen.measure.copying.index import CopyIndex
from musicgen.measure.copying.threshold import copy_index
from musicgen.measure.reference import excerpts_of
from musicgen.models.style import StyleClassifier
from musicgen.music.notes import Performance
from musicgen.style.load import load_classifier
from musicgen.style.predictions import Prediction, counts_of, predict


@dataclass(frozen=True)
class Estimate:
    """A number with its bootstrap interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True)
class Material:
    """A run and what its answers are measured against.

    Attributes:
        folder: The run folder.
        weights: The folder that `musicgen classify` left; None where no classifier is asked.
        num_quarters: Length of the pieces that are written, and of the real excerpts beside them.
        choice: `best_of` and `critic` of `LoadedRun.generate`; empty for single draws.
    """

    folder: Path
    weights: Path | None
    num_quarters: int
    choice: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def run(self) -> LoadedRun:
        """The networks of the run."""
        return load(self.folder)

    @cached_property
    def prepared(self) -> Prepared:
        """The pieces of the run, split as they were for its training."""
        config = read_run_config(self.run.folder / ".hydra" / "config.yaml")
        return prepared_pieces(config, make=lambda named: build(plain(named)))

    @cached_property
    def classifier(self) -> StyleClassifier:
        """The classifier; its own held-out pieces must hold those of the run."""
        if self.weights is None:
            raise ValueError("this question asks a classifier: weights=DIR, what `musicgen classify` left")
        return load_classifier(self.weights).module

    @cached_property
    def training_index(self) -> CopyIndex:
        """The pieces that the run has learned from, to look for copies."""
        sources = distinct(self.prepared.splits["train"].pieces)
        return copy_index(sources, cache_dir=self.prepared.cache_dir)

    def composers(self, least_held_out: int = 1) -> dict[str, str]:
        """Return composers that run and classifier know, with held-out pieces, surname to name."""
        known = {}
        for name in self.run.can.labels.get("composer", []):
            surname = next((s for s in self.classifier.composers if s in name), None)
            if surname and len(self.held_out(name)) >= least_held_out:
                known[surname] = name
        return known

    def held_out(self, composer: str) -> list[Performance]:
        """Cut excerpts from the held-out pieces of a composer."""
        found = []
        for name in ("val", "test"):
            split = self.prepared.splits[name]
            for number, piece in enumerate(split.pieces):
                if piece.composer == composer:
                    found += excerpts_of(np.array(split.piece(number)), num_quarters=self.num_quarters)
        return found

    def predictions(self, pieces: Sequence[Performance]) -> list[Prediction]:
        """Ask the classifier about pieces; silent ones are left out."""
        return [predict(self.classifier, counts_of(piece)) for piece in pieces if len(piece)]


def mean_of(values: Sequence[float] | np.ndarray, *, seed: int = 0, resamples: int = 2000) -> Estimate:
    """Average values, with a bootstrap interval over them; NaN without any."""
    known = np.asarray([value for value in values if np.isfinite(value)], dtype=np.float64)
    if not len(known):
        return Estimate(np.nan, np.nan, np.nan)
    drawn = np.random.default_rng(seed).choice(known, (resamples, len(known))).mean(axis=1)
    return Estimate(float(known.mean()), *np.quantile(drawn, [0.025, 0.975]).tolist())


def rank_correlation(
    asked: Sequence[float], measured: Sequence[float], *, seed: int = 0, resamples: int = 1000
) -> Estimate:
    """Compute Spearman's coefficient over pieces, with a bootstrap interval; NaN where nothing varies."""
    pairs = np.array([pair for pair in zip(asked, measured, strict=True) if np.isfinite(pair[1])])
    if len(pairs) < 3 or np.ptp(pairs[:, 0]) == 0 or np.ptp(pairs[:, 1]) == 0:
        return Estimate(np.nan, np.nan, np.nan)
    random = np.random.default_rng(seed)
    drawn = []
    for _ in range(resamples):
        sample = pairs[random.integers(len(pairs), size=len(pairs))]
        if np.ptp(sample[:, 0]) and np.ptp(sample[:, 1]):
            drawn.append(spearmanr(*sample.T).statistic)  # pyright: ignore[reportAttributeAccessIssue]
    return Estimate(float(spearmanr(*pairs.T).statistic), *np.quantile(drawn, [0.025, 0.975]).tolist())  # pyright: ignore[reportAttributeAccessIssue]
