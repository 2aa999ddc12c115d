"""Models over the codes of a trained run: the run itself, and chains of codes in its prior's place."""

import json
import math
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int64, UInt32

from musicgen.baselines.baseline import Baseline, BaselineData
from musicgen.baselines.context_counts import ContextCounts
from musicgen.checkpoint import load_autoencoder, load_transformer
from musicgen.data.batches.codes import PieceCodes
from musicgen.data.batches.slices import SliceBatch
from musicgen.generation.loaded_run import load
from musicgen.generation.sampling import Sampling
from musicgen.generation.tokenize import decode_codes, encode_packed, encode_pieces
from musicgen.measure.evaluate import count_parameters, prior_nats
from musicgen.models.autoencoder import Autoencoder
from musicgen.music.grid import from_packed
from musicgen.music.notes import Performance

PackedSlices = UInt32[np.ndarray, "quarters pitches"]


class TrainedRun(Baseline):
    """A run folder: ours, one with another prior, or Bachsformer's released weights after their import.

    Args:
        run: The run folder.
        sampling: How codes are drawn.
        window_quarters: Context of the prior when it is measured, in quarters.

    Raises:
        FileNotFoundError: The folder has no checkpoints.
    """

    def __init__(self, *, run: str | Path, sampling: Sampling, window_quarters: int = 12) -> None:
        self.autoencoder = load_autoencoder(run).module
        self.prior = load_transformer(run, autoencoder=self.autoencoder).module
        self.trained_s = _cpu_seconds(run, "vq_vae") + _cpu_seconds(run, "transformer")
        self.run, self.sampling = run, sampling
        self.window_quarters = window_quarters

    def fit(self, data: BaselineData) -> None:
        """Check the grid only: the run is trained already.

        Raises:
            ValueError: The pieces are cut on another grid than the run's.
        """
        _check_grid(self.autoencoder, data)

    def bits(self, packed: PackedSlices) -> float:
        """Bound -log2 p from above by the bits of the codes and of the decoder."""
        codes = encode_packed(self.autoencoder, packed)
        sequence = PieceCodes(codes=codes, starts=np.array([0, len(codes)]))
        nats = prior_nats(self.prior, sequence, window_quarters=self.window_quarters)
        return codes.size * nats / math.log(2) + decoder_bits(self.autoencoder, packed, codes)

    def sample(self, *, num_pieces: int, num_quarters: int, seed: int) -> list[Performance]:
        """Generate pieces as `musicgen generate` does."""
        pieces = load(self.run).generate(
            num_pieces, num_quarters=num_quarters, seed=seed, sampling=self.sampling
        )
        return [piece.performance for piece in pieces]

    def num_parameters(self) -> int:
        """Count the parameters of both networks."""
        return self.prior.num_parameters() + count_parameters(self.autoencoder)

    def earlier_cpu_s(self) -> float:
        """Training time of both networks."""
        return self.trained_s


class CodeMarkov(Baseline):
    """Predict each code of a run's autoencoder from the few before it, by counting (see `ContextCounts`).

    Args:
        run: The run folder whose autoencoder is used.
        order: How many codes are looked at, 1 to 4.

    Raises:
        ValueError: The order is out of range.
        FileNotFoundError: The folder has no autoencoder.
    """

    def __init__(self, *, run: str | Path, order: int) -> None:
        if not 1 <= order <= 4:
            raise ValueError(f"order={order}; use 1 to 4: longer contexts hardly occur twice")
        self.order = order
        self.autoencoder = load_autoencoder(run).module
        self.vocab = self.autoencoder.num_embeddings
        self.trained_s = _cpu_seconds(run, "vq_vae")

    def fit(self, data: BaselineData) -> None:
        """Count contexts and codes in the training pieces.

        Raises:
            ValueError: The pieces are cut on another grid than the run's.
        """
        _check_grid(self.autoencoder, data)
        codes = encode_pieces(self.autoencoder, data.train)
        streams = [
            codes.codes[start:stop].reshape(-1).astype(np.int64)
            for start, stop in zip(codes.starts[:-1], codes.starts[1:], strict=True)
        ]
        self.counts = ContextCounts(streams, order=self.order, vocab=self.vocab)

    def bits(self, packed: PackedSlices) -> float:
        """Bound -log2 p from above by the bits of the codes and of the decoder."""
        codes = encode_packed(self.autoencoder, packed)
        chances = self.counts.chances(codes.reshape(-1).astype(np.int64))
        return float(-np.log2(chances).sum()) + decoder_bits(self.autoencoder, packed, codes)

    def sample(self, *, num_pieces: int, num_quarters: int, seed: int) -> list[Performance]:
        """Sample codes from the chain and decode them."""
        generator = np.random.default_rng(seed)
        per_quarter = self.autoencoder.num_codes
        pieces = []
        for _ in range(num_pieces):
            codes = torch.from_numpy(self.counts.draw(num_quarters * per_quarter, generator))
            decoded = decode_codes(self.autoencoder, codes.view(num_quarters, per_quarter))
            ticks = self.autoencoder.layout.ticks
            pieces.append(from_packed(decoded.packed, onsets=decoded.onsets, ticks=ticks))
        return pieces

    def num_parameters(self) -> int:
        """Count the parameters of the autoencoder and the counts that are kept."""
        return count_parameters(self.autoencoder) + len(self.counts)

    def earlier_cpu_s(self) -> float:
        """Training time of the autoencoder."""
        return self.trained_s


@torch.inference_mode()
def decoder_bits(
    autoencoder: Autoencoder,
    packed: PackedSlices,
    codes: Int64[np.ndarray, "quarters positions"],
    *,
    batch_size: int = 256,
) -> float:
    """Give the bits that a decoder needs for a piece's sounding cells once their codes are known.

    Args:
        autoencoder: In evaluation mode.
        packed: Packed slices of the piece.
        codes: Its codes.
        batch_size: Quarters at a time; bounds memory.

    Returns:
        -log2 p(sounding cells | codes), summed over the piece.
    """
    slices, before = SliceBatch.of_piece(packed, channels=autoencoder.channels, layout=autoencoder.layout)
    nats = 0.0
    for start in range(0, len(packed), batch_size):
        part = slice(start, start + batch_size)
        maps = autoencoder.decode_maps(torch.from_numpy(codes[part])).float()
        nats += float(autoencoder.cells.nats(maps, slices[part], before=before[part]).sum())
    return nats / math.log(2)


def _check_grid(autoencoder: Autoencoder, data: BaselineData) -> None:
    """Refuse pieces whose cells are not the autoencoder's: bits of other cells would not compare."""
    ticks = autoencoder.layout.ticks
    if data.ticks != ticks:
        raise ValueError(
            f"the pieces are cut into {data.ticks} ticks a quarter, the run's into {ticks}; "
            f"use grid.ticks={ticks} for this baseline and all that it is compared with"
        )


def _cpu_seconds(run: str | Path, stage: str) -> float:
    """Read the training time of a stage from a run's record; 0 for imported weights and old runs."""
    path = Path(run) / "checkpoints" / f"{stage}.json"
    return json.loads(path.read_text(encoding="utf-8")).get("cpu_seconds", 0.0) if path.is_file() else 0.0
