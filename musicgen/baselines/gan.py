"""MuseGAN's idea as a baseline: phrases of bars by a convolutional GAN with gradient penalty."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pytorch_lightning as pl
import torch
from jaxtyping import Bool, Float32, UInt32
from torch.utils.data import DataLoader, Dataset

from musicgen.baselines.baseline import Baseline, BaselineData
from musicgen.baselines.budget import training_within
from musicgen.data.batches.sampler import EpochSampler
from musicgen.data.batches.slices import as_is
from musicgen.data.store.packed import PackedPieces
from musicgen.measure.evaluate import count_parameters
from musicgen.models.gan import STEPS_PER_BAR, PhraseCritic, PhraseGenerator
from musicgen.music.grid import from_packed
from musicgen.music.metrics.bars import QUARTERS_PER_BAR
from musicgen.music.notes import Performance
from musicgen.music.packing import NUM_PITCHES, TICKS_PER_QUARTER, pack, unpack
from musicgen.training.modules.gan_module import GanModule

_STEPS_PER_QUARTER = STEPS_PER_BAR // QUARTERS_PER_BAR
_TICKS_PER_STEP = TICKS_PER_QUARTER // _STEPS_PER_QUARTER


class BarGan(Baseline):
    """A generator of phrases that a critic cannot tell from real ones; it has no likelihood.

    Time is in eighths of a quarter. A piece is phrases one after the other, which know nothing of each
    other; a cell sounds where the generator is above one half (MuseGAN's deterministic binarisation).

    Args:
        make_trainer: `pytorch_lightning.Trainer` but for epochs, callbacks and loggers.
        epochs: Passes over the bars at which a phrase may begin.
        cpu_seconds: As many epochs, or as much of one, as fit into this time instead; None takes `epochs`.
        batch_size: Phrases an update.
        num_bars: Bars a phrase.
        latent_dim: Size of the latents.
        width: Channels of both networks.
        critic_steps: Updates of the critic for one of the generator.
        learning_rate: Of both.
        seed: Of weights, order and noise.
    """

    def __init__(
        self,
        *,
        make_trainer: Callable[..., pl.Trainer],
        epochs: int,
        cpu_seconds: float | None = None,
        batch_size: int = 16,
        num_bars: int = 4,
        latent_dim: int = 32,
        width: int = 64,
        critic_steps: int = 5,
        learning_rate: float = 5e-4,
        seed: int = 0,
    ) -> None:
        self.make_trainer = make_trainer
        self.epochs, self.cpu_seconds = epochs, cpu_seconds
        self.batch_size, self.num_bars, self.seed = batch_size, num_bars, seed
        pl.seed_everything(seed, verbose=False)
        self.module = GanModule(
            PhraseGenerator(num_bars=num_bars, latent_dim=latent_dim, width=width),
            PhraseCritic(num_bars=num_bars, width=width),
            critic_steps=critic_steps,
            learning_rate=learning_rate,
        )

    def fit(self, data: BaselineData) -> None:
        """Train both networks on all phrases of the training pieces.

        Raises:
            ValueError: No piece is as long as a phrase.
        """
        phrases = Phrases(data.train, num_bars=self.num_bars)
        sampler = EpochSampler(phrases, shuffle=True, seed=self.seed)
        loader = DataLoader(phrases, batch_size=self.batch_size, sampler=sampler, collate_fn=as_is)
        make_trainer = partial(self.make_trainer, precision="32-true")  # a penalty is a gradient's gradient
        length = {"max_epochs": self.epochs}
        if self.cpu_seconds is not None:
            length = training_within(
                self.cpu_seconds,
                make_trainer=make_trainer,
                module=self.module,
                data=loader,
                num_updates=len(loader),
            )
        pl.seed_everything(self.seed, verbose=False)
        trainer = make_trainer(
            **length,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
        )
        trainer.fit(self.module, loader)
        self.module.eval()

    def bits(self, packed: UInt32[np.ndarray, "quarters pitches"]) -> None:
        """Return None: a GAN has no likelihood."""

    @torch.inference_mode()
    def sample(self, *, num_pieces: int, num_quarters: int, seed: int) -> list[Performance]:
        """Make phrases and lay them end to end."""
        network = self.module.generator
        per_piece = -(-num_quarters // (QUARTERS_PER_BAR * self.num_bars))
        noise = network.noise(num_pieces * per_piece, generator=torch.Generator().manual_seed(seed))
        cells = (network(noise) > 0.5).cpu().numpy()
        pieces = cells.reshape(num_pieces, per_piece * self.num_bars, NUM_PITCHES, STEPS_PER_BAR)
        return [from_packed(packed_of_bars(bars)[:num_quarters]) for bars in pieces]

    def num_parameters(self) -> int:
        """Count the parameters of both networks."""
        return count_parameters(self.module)


class Phrases(Dataset):
    """All phrases of all pieces, beginning at every bar. Use it with ``collate_fn=as_is``.

    Args:
        pieces: Of one split.
        num_bars: Bars a phrase.

    Raises:
        ValueError: No piece is as long as a phrase.
    """

    def __init__(self, pieces: PackedPieces, *, num_bars: int) -> None:
        self.pieces, self.num_bars = pieces, num_bars
        self.quarters = num_bars * QUARTERS_PER_BAR
        lengths = np.diff(pieces.starts)
        self.starts = np.concatenate(
            [
                first + np.arange(0, length - self.quarters + 1, QUARTERS_PER_BAR)
                for first, length in zip(pieces.starts[:-1], lengths, strict=True)
            ]
        ).astype(np.int64)
        if not len(self.starts):
            raise ValueError(
                f"num_bars={num_bars}: the longest piece has {lengths.max(initial=0)} quarters; "
                "use fewer bars or longer pieces"
            )

    def __len__(self) -> int:
        return len(self.starts)

    def __getitems__(self, numbers: Sequence[int]) -> Float32[torch.Tensor, "batch bars pitches steps"]:
        """Fetch a batch: 1 where a cell sounds, else 0."""
        index = self.starts[np.asarray(numbers)][:, None] + np.arange(self.quarters)
        bars = bars_of_packed(self.pieces.packed[index.ravel()])
        phrases = bars.reshape(len(numbers), self.num_bars, NUM_PITCHES, STEPS_PER_BAR)
        return torch.from_numpy(phrases.astype(np.float32))


def bars_of_packed(packed: UInt32[np.ndarray, "quarters pitches"]) -> Bool[np.ndarray, "bars pitches steps"]:
    """Read every fourth tick of whole bars, the second of the four."""
    cells = unpack(packed)[:, :, 1::_TICKS_PER_STEP]
    bars = cells.reshape(-1, QUARTERS_PER_BAR, NUM_PITCHES, _STEPS_PER_QUARTER)
    return bars.transpose(0, 2, 1, 3).reshape(-1, NUM_PITCHES, STEPS_PER_BAR)


def packed_of_bars(bars: Bool[np.ndarray, "bars pitches steps"]) -> UInt32[np.ndarray, "quarters pitches"]:
    """Hold each step for its four ticks."""
    cells = bars.reshape(-1, NUM_PITCHES, QUARTERS_PER_BAR, _STEPS_PER_QUARTER).transpose(0, 2, 1, 3)
    return pack(np.repeat(cells.reshape(-1, NUM_PITCHES, _STEPS_PER_QUARTER), _TICKS_PER_STEP, axis=2))
