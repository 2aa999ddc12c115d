"""Lightning data modules: slices for the autoencoder, windows of codes for the transformer."""

from collections.abc import Mapping

import pytorch_lightning as pl
from torch.utils.data import DataLoader

from musicgen.data.batches.codes import CodeWindows, PieceCodes
from musicgen.data.batches.gaps import Gaps
from musicgen.data.batches.loading import check_enough, checked_batch_size, make_loader
from musicgen.data.batches.slices import SliceDataset
from musicgen.data.batches.transposition import Transposition
from musicgen.data.prepare import Prepared
from musicgen.music.packing import PIANO, SliceLayout


class MidiDataModule(pl.LightningDataModule):
    """Slices of the chosen pieces: batches of `SliceBatch`.

    Training batches come shuffled, by seed and epoch only; validation and test batches in order. The last
    training batch may be smaller than the others: nothing is dropped.

    Args:
        prepared: The pieces and their splits.
        batch_size: Slices per batch and rank.
        channels: 1 for sounding cells, 2 for sounding cells and onsets.
        layout: Ticks of a slice.
        seed: Seed of the shuffle and of the transpositions.
        transpose: Largest random transposition of training slices in semitones; 0 for none.
        updates_per_epoch: Training batches per epoch and rank; None for one pass over the slices.
        loader_workers: Processes that fetch batches; 0 is fastest, since a batch takes well under a
            millisecond.

    Raises:
        ValueError: ``batch_size`` is below 1, or ``transpose`` out of range.
    """

    def __init__(
        self,
        prepared: Prepared,
        *,
        batch_size: int,
        channels: int = 1,
        layout: SliceLayout = PIANO,
        seed: int = 0,
        transpose: int = 0,
        updates_per_epoch: int | None = None,
        loader_workers: int = 0,
    ):
        super().__init__()
        self.prepared = prepared
        self.batch_size = checked_batch_size(batch_size)
        self.channels, self.seed, self.loader_workers = channels, seed, loader_workers
        self.updates_per_epoch, self.layout = updates_per_epoch, layout
        self.transposition = Transposition(transpose, seed=seed)

    def setup(self, stage: str) -> None:
        """Check that there are training and validation slices.

        Raises:
            ValueError: The train or val split is empty.
        """
        self.prepared.require("train", "val")
        check_enough(len(self.prepared.splits["train"]), self.batch_size, what="training slices")

    def train_dataloader(self) -> DataLoader:
        """Return the loader of shuffled training batches."""
        return self._loader("train", shuffle=True)

    def val_dataloader(self) -> DataLoader:
        """Return the loader of validation batches in order."""
        return self._loader("val", shuffle=False)

    def test_dataloader(self) -> DataLoader:
        """Return the loader of test batches in order."""
        return self._loader("test", shuffle=False)

    def _loader(self, split: str, *, shuffle: bool) -> DataLoader:
        slices = SliceDataset(
            self.prepared.splits[split],
            channels=self.channels,
            layout=self.layout,
            transposition=self.transposition if shuffle else None,
        )
        return make_loader(
            slices,
            batch_size=self.batch_size,
            shuffle=shuffle,
            seed=self.seed,
            updates=self.updates_per_epoch if shuffle else None,
            workers=self.loader_workers,
        )


class CodeDataModule(pl.LightningDataModule):
    """Windows of codes of the same splits: batches of (inputs, targets, mask).

    Validation windows are fixed and cover each code once; training windows begin every ``hop_quarters``, and
    where that is more than 1 they move a little from epoch to epoch.

    Args:
        codes: Codes of the pieces by split; ``train`` and ``val`` are used.
        batch_size: Windows per batch and rank.
        window_quarters: Length of a window in quarters.
        hop_quarters: Distance between starts of training windows, in quarters.
        start_token: Index of the transformer's start token, or None.
        gaps: Which training windows have a gap to be filled; None for none.
        seed: Seed of the shuffle and of the windows' shifts.
        updates_per_epoch: Training batches per epoch and rank; None for one pass over the windows.
        loader_workers: Processes that fetch batches.

    Raises:
        ValueError: A setting is out of range, or there are no windows.
    """

    def __init__(
        self,
        codes: Mapping[str, PieceCodes],
        *,
        batch_size: int,
        window_quarters: int = 12,
        hop_quarters: int = 1,
        start_token: int | None = None,
        gaps: Gaps | None = None,
        seed: int = 0,
        updates_per_epoch: int | None = None,
        loader_workers: int = 0,
    ):
        super().__init__()
        self.batch_size = checked_batch_size(batch_size)
        self.seed, self.loader_workers = seed, loader_workers
        self.updates_per_epoch = updates_per_epoch
        self.train_windows = CodeWindows(
            codes["train"],
            window_quarters=window_quarters,
            hop_quarters=hop_quarters,
            start_token=start_token,
            shift_seed=seed,
            gaps=gaps,
        )
        self.val_windows = CodeWindows(
            codes["val"],
            window_quarters=window_quarters,
            hop_quarters=window_quarters,
            start_token=start_token,
        )
        check_enough(len(self.train_windows), batch_size, what="training windows")
        check_enough(len(self.val_windows), 1, what="validation windows")

    def train_dataloader(self) -> DataLoader:
        """Return the loader of shuffled training batches."""
        return self._loader(self.train_windows, shuffle=True)

    def val_dataloader(self) -> DataLoader:
        """Return the loader of validation batches in order."""
        return self._loader(self.val_windows, shuffle=False)

    def _loader(self, windows: CodeWindows, *, shuffle: bool) -> DataLoader:
        return make_loader(
            windows,
            batch_size=self.batch_size,
            shuffle=shuffle,
            seed=self.seed,
            updates=self.updates_per_epoch if shuffle else None,
            workers=self.loader_workers,
        )
