"""Lightning data modules: slices for the autoencoder, windows of codes for the transformer."""

from collections.abc import Mapping

from musicgen.data.batches.codes import CodeWindows, PieceCodes
from musicgen.data.batches.gaps import Gaps
from musicgen.data.batches.loading import SplitDataModule, check_enough
from musicgen.data.batches.slices import SliceDataset
from musicgen.data.batches.transposition import Transposition
from musicgen.data.prepare import Prepared
from musicgen.music.packing import PIANO, SliceLayout


class MidiDataModule(SplitDataModule):
    """Slices of the chosen pieces: batches of `SliceBatch`.

    Args:
        prepared: The pieces and their splits.
        batch_size: Slices per batch and rank.
        channels: 1 for sounding cells, 2 for sounding cells and onsets.
        layout: Ticks of a slice.
        seed: Seed of the shuffle and of the transpositions.
        transpose: Largest random transposition of training slices in semitones; 0 for none.
        updates_per_epoch: Training batches per epoch and rank; None for one pass over the slices.

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
    ):
        cells = {"channels": channels, "layout": layout}
        transposition = Transposition(transpose, seed=seed)
        super().__init__(
            SliceDataset(prepared.splits["train"], transposition=transposition, **cells),
            SliceDataset(prepared.splits["val"], **cells),
            batch_size=batch_size,
            seed=seed,
            updates_per_epoch=updates_per_epoch,
        )
        self.prepared = prepared

    def setup(self, stage: str) -> None:
        """Check that there are training and validation slices.

        Raises:
            ValueError: The train or val split is empty.
        """
        self.prepared.require("train", "val")
        check_enough(len(self.prepared.splits["train"]), self.batch_size, what="training slices")


class CodeDataModule(SplitDataModule):
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
    ):
        train = CodeWindows(
            codes["train"],
            window_quarters=window_quarters,
            hop_quarters=hop_quarters,
            start_token=start_token,
            shift_seed=seed,
            gaps=gaps,
        )
        val = CodeWindows(
            codes["val"],
            window_quarters=window_quarters,
            hop_quarters=window_quarters,
            start_token=start_token,
        )
        super().__init__(train, val, batch_size=batch_size, seed=seed, updates_per_epoch=updates_per_epoch)
        check_enough(len(train), batch_size, what="training windows")
        check_enough(len(val), 1, what="validation windows")
