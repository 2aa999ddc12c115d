"""Train the coarse level of codes, over bars of quarters."""

from dataclasses import dataclass, field

import pytorch_lightning as pl

from musicgen.checkpoint import Network, load_network
from musicgen.data.batches.codes import CodeBatch
from musicgen.data.batches.datamodule import CodeDataModule
from musicgen.models.bar_autoencoder import BarAutoencoder
from musicgen.pipeline.context import RunContext
from musicgen.pipeline.stage import Stages
from musicgen.pipeline.stages.code_stage import CodeStage
from musicgen.training.modules.bar_module import BarModule


@dataclass(kw_only=True)
class BarStage(CodeStage):
    """Train an autoencoder on all bars of the training pieces, wherever they begin.

    Bars that a piece ends in the middle of are left out.
    """

    title: str = "Bars"
    monitor: str = "bars/val/nats_per_code"
    network: BarAutoencoder = field(init=False, repr=False)

    def build(self, stages: Stages) -> None:
        """Build the network for the codes of the autoencoder."""
        vocabulary = self.vocabulary_of(stages).config()
        network = self.make_network(vocabulary=vocabulary)
        assert isinstance(network, BarAutoencoder)
        self.network = network
        self.settings = {
            **self.settings,
            "network": {**self.settings.get("network", {}), "vocabulary": vocabulary},
        }

    def module(self, run: RunContext | None) -> BarModule:
        """Build the Lightning module around the network."""
        return BarModule(self.network, optimizer=self.optimizer, scheduler=self.scheduler)

    def data(self, run: RunContext) -> pl.LightningDataModule:
        """Build batches of bars: training bars begin with every quarter, held-out ones do not overlap."""
        return CodeDataModule(
            run.codes,
            window_quarters=self.network.bar_quarters,
            hop_quarters=1,
            start_token=self.network.vocabulary.size,  # then a window's targets are exactly a bar
            batch_size=self.batch_size,
            seed=run.seed,
            updates_per_epoch=self.updates_per_epoch,
        )

    def build_batch(self) -> CodeBatch:
        """Make a batch of bars of random codes."""
        return self.random_codes(self.network.vocabulary, quarters=self.network.bar_quarters)

    def load(self, run: RunContext) -> Network[BarAutoencoder]:
        """Read the trained network."""
        return load_network(run.folder, self.name, BarAutoencoder)
