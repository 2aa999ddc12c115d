"""Windows of notes for the renderer: how they are written and how they were played."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int64
from torch.utils.data import Dataset

from musicgen.data.batches.loading import SplitDataModule, check_enough
from musicgen.data.catalogue.pieces import Piece, distinct
from musicgen.files.progress_bar import track
from musicgen.music.expression.attributes import ATTRIBUTES, Played, begins_chord, played_on_grid
from musicgen.music.expression.features import FEATURES, note_features
from musicgen.music.grid import PlayedGrid


@dataclass(frozen=True, eq=False)
class PieceNotes:
    """Concatenated notes of many pieces.

    Attributes:
        features: How each note is written, see `note_features`.
        classes: How it was played, see `ATTRIBUTES`.
        begins_chord: Whether it is the first note of its chord; only there the pedal counts.
        starts: First note of each piece, and the end of the last one.
        labels: Label indices of each piece; None for none.
    """

    features: Float32[np.ndarray, "notes features"]
    classes: Int64[np.ndarray, "notes attributes"]
    begins_chord: Bool[np.ndarray, " notes"]
    starts: Int64[np.ndarray, " boundaries"]
    labels: Int64[np.ndarray, "pieces fields"] | None = None

    @classmethod
    def of(
        cls, pieces: Sequence[Played], *, labels: Int64[np.ndarray, "pieces fields"] | None = None
    ) -> "PieceNotes":
        """Collect the notes of pieces.

        Args:
            pieces: Played pieces.
            labels: Label indices of each.
        """
        lengths = [0, *(len(piece.flat) for piece in pieces)]
        nothing = np.zeros((0, len(FEATURES)), np.float32)
        return cls(
            features=np.concatenate([nothing, *(note_features(piece.flat) for piece in pieces)]),
            classes=np.concatenate(
                [np.zeros((0, len(ATTRIBUTES)), np.int64), *(piece.classes for piece in pieces)]
            ),
            begins_chord=np.concatenate(
                [np.zeros(0, bool), *(begins_chord(piece.flat.onset_quarters) for piece in pieces)]
            ),
            starts=np.cumsum(lengths),
            labels=labels,
        )


class NoteBatch(NamedTuple):
    """A batch of windows of notes.

    Attributes:
        features: How the notes are written.
        before: Classes of the note before each; those of no note at the beginning of a piece.
        classes: Classes of the notes.
        mask: Which attributes of which notes count: none in the padding, the pedal only where a chord begins.
        labels: Label indices of each window's piece; None for none.
    """

    features: Float32[torch.Tensor, "batch notes features"]
    before: Int64[torch.Tensor, "batch notes attributes"]
    classes: Int64[torch.Tensor, "batch notes attributes"]
    mask: Bool[torch.Tensor, "batch notes attributes"]
    labels: Int64[torch.Tensor, "batch fields"] | None = None


class NoteWindows(Dataset):
    """Windows of consecutive notes of one piece; together they hold each note once.

    Args:
        pieces: Notes of the pieces of one split.
        window_notes: Notes per window, 1 or more; the last window of a piece is padded.
        shift_seed: Seed by which windows of each piece begin elsewhere in each epoch; None for fixed ones.

    Raises:
        ValueError: ``window_notes`` is below 1.
    """

    def __init__(self, pieces: PieceNotes, *, window_notes: int, shift_seed: int | None = None):
        if window_notes < 1:
            raise ValueError(f"window_notes={window_notes}; use 1 or more")
        self.pieces, self.window_notes, self.shift_seed = pieces, window_notes, shift_seed
        lengths = np.diff(pieces.starts)
        more = 0 if shift_seed is None else 1  # a shift cuts one piece's window into two
        windows = np.where(lengths > 0, -(-lengths // window_notes) + more, 0)
        self._ends = np.cumsum(windows)
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, which shifts the windows of each piece."""
        self._shifts = np.zeros(len(self._ends), np.int64)
        if self.shift_seed is not None:
            random = np.random.default_rng([self.shift_seed, epoch])
            self._shifts = random.integers(0, self.window_notes, size=len(self._ends))

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def __getitem__(self, number: int) -> NoteBatch:
        batch = self.__getitems__([number])
        return NoteBatch(*(None if part is None else part[0] for part in batch))  # pyright: ignore[reportArgumentType]

    def __getitems__(self, numbers: Sequence[int]) -> NoteBatch:
        """Fetch a batch of windows."""
        asked = np.asarray(numbers, dtype=np.int64)
        piece = np.searchsorted(self._ends, asked, side="right")
        within = asked - np.where(piece > 0, self._ends[piece - 1], 0)
        start = within * self.window_notes - self._shifts[piece]  # below 0: before the piece's first note
        begin, end = self.pieces.starts[piece][:, None], self.pieces.starts[piece + 1][:, None]
        note = begin + start[:, None] + np.arange(self.window_notes)
        is_real = (note >= begin) & (note < end)
        index = np.clip(note, begin, end - 1)
        unknown = np.array(list(ATTRIBUTES.values()))
        earlier = self.pieces.classes[np.maximum(index - 1, 0)]
        mask = np.repeat(is_real[..., None], len(unknown), axis=2)
        mask[..., -1] &= self.pieces.begins_chord[index]
        labels = self.pieces.labels
        return NoteBatch(
            features=torch.from_numpy(self.pieces.features[index] * is_real[..., None].astype(np.float32)),
            before=torch.from_numpy(np.where((note > begin)[..., None], earlier, unknown)),
            classes=torch.from_numpy(self.pieces.classes[index]),
            mask=torch.from_numpy(mask),
            labels=None if labels is None else torch.from_numpy(labels[piece]),
        )


class NoteDataModule(SplitDataModule):
    """Windows of notes of the same splits: batches of `NoteBatch`.

    Args:
        notes: Notes of the pieces by split; ``train`` and ``val`` are used.
        batch_size: Windows per batch and rank.
        window_notes: Notes per window.
        seed: Seed of the shuffle and of the windows' shifts.
        updates_per_epoch: Training batches per epoch and rank; None for one pass over the windows.

    Raises:
        ValueError: A setting is out of range, or there are no windows.
    """

    def __init__(
        self,
        notes: dict[str, PieceNotes],
        *,
        batch_size: int,
        window_notes: int,
        seed: int = 0,
        updates_per_epoch: int | None = None,
    ):
        train = NoteWindows(notes["train"], window_notes=window_notes, shift_seed=seed)
        val = NoteWindows(notes["val"], window_notes=window_notes)
        super().__init__(train, val, batch_size=batch_size, seed=seed, updates_per_epoch=updates_per_epoch)
        check_enough(len(train), batch_size, what="training windows")
        check_enough(len(val), 1, what="validation windows")


def read_played(pieces: Sequence[Piece], grid: PlayedGrid, *, description: str) -> list[Played]:
    """Read how pieces were played, each content once.

    Args:
        pieces: Pieces that were prepared on the same grid.
        grid: The grid.
        description: What the bar says.

    Raises:
        MidiError: A file has changed since it was prepared.
    """
    files = distinct(pieces)
    return [
        played_on_grid(grid.performance(piece.path), ticks=grid.ticks)
        for piece in track(files, description=description, total=len(files))
    ]
