"""Clips of pieces as counts of small patterns, labelled with composer and era."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float32, Int64, UInt32
from torch.utils.data import Dataset

from musicgen.data.batches.loading import SplitDataModule, check_enough
from musicgen.data.catalogue.pieces import Piece
from musicgen.data.store.packed import PackedPieces
from musicgen.files.progress_bar import track
from musicgen.music.metrics.patterns import NUM_PATTERNS, count_patterns, transpose_counts

QUARTERS_PER_SEGMENT = 16


class ClipBatch(NamedTuple):
    """A batch of clips.

    Attributes:
        counts: (batch, patterns).
        composer: Index of the composer.
        era: Index of the era.
        piece: Number of the piece.
    """

    counts: Float32[torch.Tensor, "batch patterns"]
    composer: Int64[torch.Tensor, " batch"]
    era: Int64[torch.Tensor, " batch"]
    piece: Int64[torch.Tensor, " batch"]


@dataclass(frozen=True)
class PieceCounts:
    """Cumulative pattern counts of a piece; a clip is a difference of two rows.

    Attributes:
        piece: The piece.
        sums: Counts up to each segment boundary, (segments + 1, patterns).
    """

    piece: Piece
    sums: Float32[np.ndarray, "boundaries patterns"]

    @classmethod
    def of(cls, piece: Piece, packed: UInt32[np.ndarray, "quarters pitches"]) -> "PieceCounts":
        """Count the patterns of a piece."""
        counts = count_patterns(packed, quarters_per_segment=QUARTERS_PER_SEGMENT)
        sums = np.zeros((len(counts) + 1, NUM_PATTERNS), np.float32)
        np.cumsum(counts, axis=0, out=sums[1:])
        return cls(piece, sums)

    @property
    def num_segments(self) -> int:
        """Length in segments of 16 quarters."""
        return len(self.sums) - 1

    def clip(self, start: int, length: int) -> Float32[np.ndarray, " patterns"]:
        """Return the counts of `length` segments from `start`."""
        return self.sums[start + length] - self.sums[start]

    def clips(self, clip_segments: int) -> Float32[np.ndarray, "clips patterns"]:
        """Cut the piece into adjacent clips of nearly equal length; at least one."""
        count = max(1, round(self.num_segments / clip_segments))
        edges = np.linspace(0, self.num_segments, count + 1).round().astype(int)
        return np.diff(self.sums[edges], axis=0)


def count_split(split: PackedPieces) -> list[PieceCounts]:
    """Count the patterns of all pieces of a split."""
    numbered = track(enumerate(split.pieces), description="Counting", total=len(split.pieces))
    return [PieceCounts.of(piece, np.array(split.piece(number))) for number, piece in numbered]


class _Clips(Dataset):
    def __init__(
        self, pieces: Sequence[PieceCounts], *, composers: Sequence[str], eras: Sequence[str]
    ) -> None:
        self.pieces = pieces
        self.composer = np.array([composers.index(piece.piece.surname) for piece in pieces])
        self.era = np.array([eras.index(piece.piece.era) for piece in pieces])

    def _batch(self, counts: list[np.ndarray], numbers: np.ndarray) -> ClipBatch:
        return ClipBatch(
            counts=torch.from_numpy(np.stack(counts)),
            composer=torch.from_numpy(self.composer[numbers]),
            era=torch.from_numpy(self.era[numbers]),
            piece=torch.from_numpy(numbers),
        )


class RandomClips(_Clips):
    """Randomly cut and transposed clips, the same number from every piece.

    The draws depend on seed, epoch and index only. Use with ``collate_fn=as_is``.

    Args:
        pieces: Counted pieces.
        composers: Surnames, in the order of their indices.
        eras: Names, in the order of theirs.
        clips_per_piece: Clips per piece and epoch.
        min_segments: Shortest clip, in segments of 16 quarters.
        max_segments: Longest.
        transpose: Largest transposition in semitones, up or down.
        seed: Seed of the draws.

    Raises:
        ValueError: A setting is out of range.
    """

    def __init__(
        self,
        pieces: Sequence[PieceCounts],
        *,
        composers: Sequence[str],
        eras: Sequence[str],
        clips_per_piece: int = 20,
        min_segments: int = 4,
        max_segments: int = 32,
        transpose: int = 5,
        seed: int = 0,
    ) -> None:
        super().__init__(pieces, composers=composers, eras=eras)
        if not 1 <= min_segments <= max_segments:
            raise ValueError(
                f"min_segments={min_segments}, max_segments={max_segments}; use 1 or more, the second no less"
            )
        if clips_per_piece < 1 or not 0 <= transpose <= 11:
            raise ValueError(
                f"clips_per_piece={clips_per_piece}, transpose={transpose}; use 1 or more, and 0 to 11"
            )
        self.clips_per_piece, self.transpose, self.seed = clips_per_piece, transpose, seed
        self.min_segments, self.max_segments = min_segments, max_segments
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, which changes the clips."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.pieces) * self.clips_per_piece

    def __getitems__(self, numbers: Sequence[int]) -> ClipBatch:
        """Draw a batch."""
        pieces = np.asarray(numbers, dtype=np.int64) % len(self.pieces)
        return self._batch([self._draw(number) for number in numbers], pieces)

    def _draw(self, number: int) -> Float32[np.ndarray, " patterns"]:
        random = np.random.default_rng([self.seed, self.epoch, number])
        counted = self.pieces[number % len(self.pieces)]
        wanted = int(random.integers(self.min_segments, self.max_segments, endpoint=True))
        length = min(wanted, counted.num_segments)
        start = int(random.integers(counted.num_segments - length, endpoint=True))
        semitones = int(random.integers(-self.transpose, self.transpose, endpoint=True))
        return transpose_counts(counted.clip(start, length), semitones=semitones)


class FixedClips(_Clips):
    """All clips of all pieces, in order. Use with ``collate_fn=as_is``.

    Args:
        pieces: Counted pieces.
        composers: Surnames, in the order of their indices.
        eras: Names, in the order of theirs.
        clip_segments: Length of a clip in segments of 16 quarters.
    """

    def __init__(
        self,
        pieces: Sequence[PieceCounts],
        *,
        composers: Sequence[str],
        eras: Sequence[str],
        clip_segments: int = 8,
    ) -> None:
        super().__init__(pieces, composers=composers, eras=eras)
        clips = [piece.clips(clip_segments) for piece in pieces]
        self.counts = np.concatenate(clips)
        self.piece = np.repeat(np.arange(len(pieces)), [len(clip) for clip in clips])

    def __len__(self) -> int:
        return len(self.counts)

    def __getitems__(self, numbers: Sequence[int]) -> ClipBatch:
        """Fetch a batch."""
        index = np.asarray(numbers, dtype=np.int64)
        return self._batch(list(self.counts[index]), self.piece[index])


class ClipDataModule(SplitDataModule):
    """Clips of the same splits: batches of `ClipBatch`.

    Args:
        pieces: Counted pieces by split; ``train`` and ``val`` are used.
        composers: Surnames, in the order of their indices; held-out pieces by others are left out.
        eras: Names, in the order of theirs; the same.
        clips: Settings of the training clips, see `RandomClips`.
        batch_size: Clips per batch and rank.
        seed: Seed of the clips and their order.
        updates_per_epoch: Training batches per epoch and rank; None for one pass over the clips.

    Raises:
        ValueError: A setting is out of range, or there are no clips.
    """

    def __init__(
        self,
        pieces: Mapping[str, Sequence[PieceCounts]],
        *,
        composers: Sequence[str],
        eras: Sequence[str],
        clips: Mapping[str, int],
        batch_size: int,
        seed: int = 0,
        updates_per_epoch: int | None = None,
    ) -> None:
        held_out = [p for p in pieces["val"] if p.piece.surname in composers and p.piece.era in eras]
        check_enough(len(held_out), 1, what="held-out pieces")
        train = RandomClips(pieces["train"], composers=composers, eras=eras, **clips, seed=seed)
        val = FixedClips(held_out, composers=composers, eras=eras)
        super().__init__(train, val, batch_size=batch_size, seed=seed, updates_per_epoch=updates_per_epoch)
        check_enough(len(train), batch_size, what="training clips")
