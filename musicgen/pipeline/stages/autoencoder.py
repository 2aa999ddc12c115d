"""Train the autoencoder: slices to codes and back."""

from dataclasses import dataclass, field

import pytorch_lightning as pl
import torch

from musicgen.checkpoint import Network, load_network
from musicgen.data.batches.datamodule import MidiDataModule
from musicgen.data.batches.density import channel_densities
from musicgen.data.batches.slices import SliceBatch
from musicgen.data.batches.transposition import Transposition
from musicgen.data.store.packed import PackedPieces
from musicgen.measure.reconstruction import ReconstructionMetrics
from musicgen.models.autoencoder import Autoencoder
from musicgen.pipeline.context import RunContext
from musicgen.pipeline.network_stage import NetworkStage
from musicgen.training.modules.autoencoder_module import AutoencoderModule

_ALL_KEYS = 6  # semitones up and down that reach every key
_SOUNDING = 0.03  # share of cells in a random batch, about that of real music


@dataclass(kw_only=True)
class AutoencoderStage(NetworkStage):
    """Train an autoencoder on the slices of the training pieces.

    Attributes:
        transpose: Largest random transposition of training slices in semitones; 0 for none. None: 6, but 0
            where the pieces are in one key, since codes for keys that never come would be wasted.
        one_key: Whether the pieces were moved to one key.
    """

    transpose: int | None = 0
    one_key: bool = False
    title: str = "VQ-VAE"
    monitor: str = "vq_vae/val/bce"
    network: Autoencoder = field(init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        Transposition(self.semitones)

    @property
    def semitones(self) -> int:
        """The largest random transposition of training slices."""
        if self.transpose is None:
            return 0 if self.one_key else _ALL_KEYS
        return self.transpose

    def initialise(self, run: RunContext) -> None:
        """Load the weights of a run, or initialise the output bias from the density of training cells."""
        super().initialise(run)
        train = run.prepared.splits["train"]
        if self.init_from is None:
            self.network.set_output_bias(channel_densities(train, channels=2))

    def module(self, run: RunContext | None) -> AutoencoderModule:
        """Build the Lightning module around the network."""
        held_out = run.prepared.splits["val"] if run else PackedPieces.empty()
        module = AutoencoderModule(
            self.network.to(memory_format=torch.channels_last),  # pyright: ignore[reportCallIssue]
            optimizer=self.optimizer,
            scheduler=self.scheduler,
            val_metrics=ReconstructionMetrics(
                held_out, cells=self.network.cells, vocabulary=self.network.vocabulary
            ),
        )
        module.baselines = run.reconstruction_baselines if run else {}
        return module

    def data(self, run: RunContext) -> pl.LightningDataModule:
        """Build batches of slices."""
        return MidiDataModule(
            run.prepared,
            batch_size=self.batch_size,
            channels=self.network.channels,
            layout=self.network.layout,
            seed=run.seed,
            transpose=self.semitones,
            updates_per_epoch=self.updates_per_epoch,
        )

    def build_batch(self) -> SliceBatch:
        """Make a batch of random slices."""
        shape = (self.batch_size, self.network.channels, *self.network.layout.shape)
        slices = (torch.rand(shape) < _SOUNDING).byte()
        return SliceBatch(slices, before=slices[:, 0, :, -1])

    def size_text(self) -> str:
        """Describe the size of the network and of its vocabulary."""
        vocabulary = self.network.vocabulary
        if vocabulary is None:
            return f"{super().size_text()}, no codes"
        codes = f"{vocabulary.codes_per_slice} codes per quarter out of {vocabulary.size}"
        return f"{super().size_text()}, {codes}"

    def load(self, run: RunContext) -> Network[Autoencoder]:
        """Read the trained autoencoder."""
        return load_network(run.folder, self.name, Autoencoder)
