"""Train the coarse level of codes, over bars of quarters."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytorch_lightning as pl
import torch

from musicgen.checkpoint import Network, load_network
from musicgen.data.batches.codes import CodeBatch
from musicgen.data.batches.datamodule import CodeDataModule
from musicgen.generation.tokenize import encode_pieces
from musicgen.models.bar_autoencoder import BarAutoencoder
from musicgen.pipeline.context import AUTOENCODER, KMEANS, RunContext
from musicgen.pipeline.stage import NetworkStage, Stages
from musicgen.pipeline.stages.kmeans import autoencoder_of, coding_autoencoder
from musicgen.training.modules.bar_module import BarModule


@dataclass(kw_only=True)
class BarStage(NetworkStage):
    """Train an autoencoder on all bars of the training pieces, wherever they begin.

    Bars that a piece ends in the middle of are left out.
    """

    title: str = "Bars"
    needs: Sequence[str] = (AUTOENCODER,)
    monitor: str = "bars/val/nats_per_code"
    network: BarAutoencoder = field(init=False, repr=False)

    def build(self, stages: Stages) -> None:
        """Build the network for the codes of the autoencoder."""
        autoencoder = coding_autoencoder(stages)
        assert autoencoder is not None, "a stage that is refused is not built"
        assert autoencoder.vocabulary is not None, "an autoencoder that codes has a vocabulary"
        if autoencoder is not autoencoder_of(stages):
            self.needs = [*self.needs, KMEANS]
        vocabulary = autoencoder.vocabulary.config()
        network = self.make_network(vocabulary=vocabulary)
        assert isinstance(network, BarAutoencoder)
        self.network = network
        self.settings = {
            **self.settings,
            "network": {**self.settings.get("network", {}), "vocabulary": vocabulary},
        }

    def refusal(self, stages: Stages) -> str:
        """Return why there are no codes of quarters; empty if there are."""
        if coding_autoencoder(stages) is None:
            bottleneck = type(autoencoder_of(stages).bottleneck).__name__
            return (
                f"{bottleneck} has no codes to learn; find some with "
                f"stages=[{AUTOENCODER},{KMEANS},{self.name},transformer,generate,evaluate]"
            )
        return ""

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
        vocabulary = self.network.vocabulary
        shape = (self.batch_size, self.network.bar_quarters * vocabulary.codes_per_slice)
        codes = torch.randint(0, vocabulary.size, shape)
        return CodeBatch(inputs=codes, targets=codes, mask=torch.ones(shape, dtype=torch.bool))

    def modules(self) -> list[str]:
        """Names of the modules whose code affects the result, including the encoding of pieces."""
        return [*super().modules(), encode_pieces.__module__]

    def load(self, run: RunContext) -> Network[BarAutoencoder]:
        """Read the trained network."""
        return load_network(run.folder, self.name, BarAutoencoder)
