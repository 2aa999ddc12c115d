"""A transformer over MidiTok's REMI: notes as tokens instead of slices as codes."""

import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from jaxtyping import Int64, UInt32

from musicgen.baselines.baseline import Baseline, BaselineData
from musicgen.baselines.budget import training_within
from musicgen.checkpoint import FORMAT, read_checkpoint, state_of
from musicgen.data.batches.codes import PieceCodes
from musicgen.data.batches.datamodule import CodeDataModule
from musicgen.data.store.packed import PackedPieces
from musicgen.generation.sampling import DrawRequest, Sampling
from musicgen.measure.evaluate import prior_nats
from musicgen.models.bottlenecks.base import Vocabulary
from musicgen.models.priors.flat import Transformer
from musicgen.music.grid import from_packed, to_packed
from musicgen.music.metrics.bars import QUARTERS_PER_BAR
from musicgen.music.midi import read_midi, write_midi
from musicgen.music.notes import HIGHEST_PITCH, LOWEST_PITCH, Performance
from musicgen.music.packing import NUM_PITCHES, TICKS_PER_QUARTER
from musicgen.training.checkpoints import StageCheckpoint
from musicgen.training.modules.prior_module import PriorModule
from musicgen.training.optim import OptimizerFactory, SchedulerFactory

LONGEST_QUARTERS = 12  # a longer note is cut to this
_TOKENS_A_STEP = 512
_MOST_TOKENS_A_QUARTER = 100


class RemiTransformer(Baseline):
    """Our transformer over REMI tokens (Huang and Yang 2020): bar, position, pitch, duration.

    Positions and durations are on our grid of 32 ticks a quarter, so that tokens say exactly what slices
    hold, but for notes longer than 12 quarters; the tokens' bits are an upper bound on those of the cells
    and compare with every other model's. The weights are those best on the held-out pieces, as for our
    runs.

    Args:
        make_trainer: `pytorch_lightning.Trainer` but for epochs, callbacks and loggers.
        optimizer: Makes the optimizer from parameter groups.
        scheduler: Makes the schedule from the optimizer and `total_steps`.
        sampling: How tokens are drawn.
        epochs: Passes over the training pieces.
        cpu_seconds: As many epochs, or as much of one, as fit into this time instead; None takes `epochs`.
        batch_size: Windows an update.
        width: Of the transformer; 176 gives as many parameters as a default run's two networks.
        num_layers: Its layers.
        num_heads: Its heads.
        max_positions: Tokens seen at once; 256 are about 12 quarters.
        hop: From one training window to the next, in tokens.
        seed: Of weights, order and dropout.

    Raises:
        ValueError: MidiTok is not installed, or a setting is out of range.
    """

    def __init__(
        self,
        *,
        make_trainer: Callable[..., pl.Trainer],
        optimizer: OptimizerFactory,
        scheduler: SchedulerFactory,
        sampling: Sampling,
        epochs: int,
        cpu_seconds: float | None = None,
        batch_size: int = 16,
        width: int = 176,
        num_layers: int = 4,
        num_heads: int = 8,
        max_positions: int = 256,
        hop: int = 64,
        seed: int = 0,
    ) -> None:
        self.tokens = RemiTokens()
        self.make_trainer, self.optimizer, self.scheduler = make_trainer, optimizer, scheduler
        self.sampling, self.batch_size = sampling, batch_size
        self.epochs, self.cpu_seconds = epochs, cpu_seconds
        self.hop, self.seed = hop, seed
        pl.seed_everything(seed, verbose=False)
        self.transformer = Transformer(
            vocabulary=Vocabulary(positions=1, codebooks=1, size=self.tokens.vocab),
            num_layers=num_layers,
            num_heads=num_heads,
            width=width,
            max_positions=max_positions,
        )

    def fit(self, data: BaselineData) -> None:
        """Train on windows of tokens; keep the weights that predict the held-out pieces best."""
        codes = {
            "train": self.tokens.of_pieces(data.train),
            "val": self.tokens.of_pieces(data.held_out),
        }
        windows = CodeDataModule(
            codes,
            batch_size=self.batch_size,
            window_quarters=self.transformer.max_positions,  # one token stands for a quarter of one code
            hop_quarters=self.hop,
            start_token=self.transformer.start_token,
            seed=self.seed,
        )
        module = PriorModule(
            self.transformer,
            optimizer=self.optimizer,
            scheduler=self.scheduler,
            codes_per_quarter=1,
            decoder_bits=0.0,
        )
        length = {"max_epochs": self.epochs}
        if self.cpu_seconds is not None:
            length = training_within(
                self.cpu_seconds,
                make_trainer=self.make_trainer,
                module=module,
                data=windows,
                num_updates=len(windows.train_dataloader()),
            )
        state = self._best_weights(module, windows, length=length)
        self.transformer.load_state_dict(state_of(state, "transformer"))
        self.transformer.eval()

    def _best_weights(
        self, module: PriorModule, windows: CodeDataModule, *, length: dict[str, int]
    ) -> dict[str, Any]:
        """Train, and return the content of the checkpoint that predicts the held-out pieces best."""
        pl.seed_everything(self.seed, verbose=False)
        with tempfile.TemporaryDirectory() as folder:
            best = StageCheckpoint(
                Path(folder),
                stage="remi",
                monitor="transformer/val/nats_per_code",
                description={"format": FORMAT},
            )
            trainer = self.make_trainer(
                **length,
                logger=False,
                enable_progress_bar=False,
                default_root_dir=folder,
                callbacks=[best],
            )
            trainer.fit(module, datamodule=windows)
            return read_checkpoint(Path(folder) / "remi.ckpt")

    def bits(self, packed: UInt32[np.ndarray, "quarters pitches"]) -> float:
        """Measure the bits of the piece's tokens, in windows without overlap."""
        tokens = self.tokens.encode(packed)
        sequence = PieceCodes(codes=tokens[:, None], starts=np.array([0, len(tokens)]))
        nats = prior_nats(self.transformer, sequence, window_quarters=self.transformer.max_positions)
        return len(tokens) * nats / math.log(2)

    def sample(self, *, num_pieces: int, num_quarters: int, seed: int) -> list[Performance]:
        """Sample tokens until every piece has enough bars, and decode them to notes."""
        generator = torch.Generator().manual_seed(seed)
        rows, bars = None, -(-num_quarters // QUARTERS_PER_BAR)
        while rows is None or (
            (rows == self.tokens.bar).sum(dim=1).min() <= bars
            and rows.shape[1] < _MOST_TOKENS_A_QUARTER * num_quarters
        ):
            request = DrawRequest(
                num_quarters=_TOKENS_A_STEP + (0 if rows is None else rows.shape[1]),
                generator=generator,
                batch=num_pieces if rows is None else 1,
                prompt=rows,
            )
            sampling = replace(self.sampling, hop_quarters=self.hop)
            rows = sampling.draw(self.transformer, request, progress=True)
        return [self.tokens.decode(row, num_quarters=num_quarters) for row in rows.tolist()]

    def num_parameters(self) -> int:
        """Count the parameters of the transformer."""
        return self.transformer.num_parameters()


class RemiTokens:
    """MidiTok's REMI on our grid, without velocities.

    Raises:
        ValueError: MidiTok is not installed.
    """

    def __init__(self) -> None:
        try:
            from miditok import REMI, TokenizerConfig  # pyright: ignore[reportMissingImports]
        except ImportError as error:
            raise ValueError(
                'baseline=remi needs MidiTok: python -m pip install "musicgen-lab[baselines]"'
            ) from error
        self._tokenizer: Any = REMI(
            TokenizerConfig(
                pitch_range=(LOWEST_PITCH, HIGHEST_PITCH + 1),
                beat_res={(0, LONGEST_QUARTERS): TICKS_PER_QUARTER},
                special_tokens=["PAD"],
                use_velocities=False,
                use_time_signatures=False,
                use_pitchdrum_tokens=False,
            )
        )
        self.vocab = len(self._tokenizer)
        self.bar = self._tokenizer.vocab["Bar_None"]

    def encode(self, packed: UInt32[np.ndarray, "quarters pitches"]) -> Int64[np.ndarray, " tokens"]:
        """Encode the notes of a piece as tokens."""
        from symusic import Score  # pyright: ignore[reportMissingImports]

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "piece.mid"
            write_midi(from_packed(packed), path, ticks_per_quarter=TICKS_PER_QUARTER)
            sequences = self._tokenizer(Score(path))
        return np.array(sequences[0].ids, np.int64)

    def decode(self, tokens: Sequence[int], *, num_quarters: int) -> Performance:
        """Decode tokens to notes, without malformed ones, and cut the piece to its length."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "piece.mid"
            score = self._tokenizer.decode([list(tokens)])
            if not any(len(track.notes) for track in score.tracks):
                return from_packed(np.zeros((0, NUM_PITCHES), np.uint32))
            score.dump_midi(path)
            return from_packed(to_packed(read_midi(path))[:num_quarters])

    def of_pieces(self, pieces: PackedPieces) -> PieceCodes:
        """Encode all pieces, one token per position."""
        tokens = [self.encode(np.array(pieces.piece(number))) for number in range(len(pieces.pieces))]
        starts = np.cumsum([0, *map(len, tokens)])
        return PieceCodes(codes=np.concatenate(tokens)[:, None], starts=starts)
