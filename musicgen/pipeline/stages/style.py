"""Train the classifier of composers and eras that chooses what is most like the one asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytorch_lightning as pl
import torch

from musicgen.checkpoint import Network, load_network
from musicgen.data.batches.clips import ClipBatch, ClipDataModule, count_split
from musicgen.data.prepare import Prepared
from musicgen.models.style import StyleClassifier
from musicgen.music.metrics.patterns import FAMILIES, NUM_PATTERNS
from musicgen.pipeline.context import RunContext
from musicgen.pipeline.network_stage import NetworkStage
from musicgen.pipeline.stage import Stages
from musicgen.training.modules.style_module import StyleModule

_QUARTERS_PER_PIECE = 500  # about, to estimate updates


@dataclass(kw_only=True)
class StyleStage(NetworkStage):
    """Train a classifier on clips of the training pieces; `generate best_of=4` chooses by it.

    Attributes:
        clips: Settings of the training clips, see `RandomClips`.
    """

    clips: Mapping[str, int] = field(default_factory=dict)
    title: str = "Style classifier"
    monitor: str = "style/val/loss"
    network: StyleClassifier = field(init=False, repr=False)

    def build(self, stages: Stages) -> None:
        """Build the classifier, for now without names."""
        self._make(["unknown"], ["unknown"])

    def observe(self, prepared: Prepared) -> None:
        """Let the classifier know the composers and eras of the training pieces.

        Raises:
            ValueError: They are all by one composer.
        """
        pieces = prepared.splits["train"].pieces
        composers = sorted({piece.surname for piece in pieces})
        if self.is_asked and len(composers) < 2:
            raise ValueError(
                f"all training pieces are by {', '.join(composers) or 'nobody'}, so there is nothing to tell "
                "apart; leave style out of stages, or choose pieces by several composers"
            )
        self._make(composers, sorted({piece.era for piece in pieces}))

    def _make(self, composers: list[str], eras: list[str]) -> None:
        """Build the network for these names."""
        self.rebuild(composers=composers, eras=eras, families=list(FAMILIES.values()))

    def module(self, run: RunContext | None) -> StyleModule:
        """Build the Lightning module around the network."""
        return StyleModule(self.network, optimizer=self.optimizer, scheduler=self.scheduler)

    def data(self, run: RunContext) -> pl.LightningDataModule:
        """Build batches of clips; held-out pieces by composers that are not learned are left out."""
        names = {"composers": self.network.composers, "eras": self.network.eras}
        return ClipDataModule(
            {name: count_split(run.prepared.splits[name]) for name in ("train", "val")},
            **names,
            clips=self.clips,
            batch_size=self.batch_size,
            seed=run.seed,
            updates_per_epoch=self.updates_per_epoch,
        )

    def build_batch(self) -> ClipBatch:
        """Make a batch of clips of random counts."""
        label = torch.zeros(self.batch_size, dtype=torch.int64)
        counts = torch.randint(0, 9, (self.batch_size, NUM_PATTERNS)).float()
        return ClipBatch(counts=counts, composer=label, era=label, piece=label)

    def count_updates(self, train_quarters: int) -> int:
        """Estimate the updates of all epochs from the usual length of a piece."""
        clips = self.clips.get("clips_per_piece", 20) * max(1, train_quarters // _QUARTERS_PER_PIECE)
        return (self.updates_per_epoch or -(-clips // self.batch_size)) * self.max_epochs

    def load(self, run: RunContext) -> Network[StyleClassifier]:
        """Read the trained classifier."""
        return load_network(run.folder, self.name, StyleClassifier)
