from pathlib import Path

import numpy as np
import pytest
import pytorch_lightning as pl
import torch

from musicgen.data.batches.codes import PieceCodes
from musicgen.data.batches.datamodule import CodeDataModule, MidiDataModule
from musicgen.data.catalogue.piece_filter import PieceFilter
from musicgen.data.prepare import Prepared, prepare
from musicgen.data.sources.folder import Folder
from musicgen.music.grid import ClockGrid


@pytest.fixture(scope="module")
def prepared(pieces_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    cache_dir = tmp_path_factory.mktemp("cache")
    settings = {"cache_dir": cache_dir, "val_fraction": 0.2, "progress": False}
    return prepare(Folder(pieces_folder), ClockGrid(), choice=PieceFilter(), **settings)


@pytest.fixture
def codes() -> dict[str, PieceCodes]:
    random = np.random.default_rng(0)

    def some(lengths: list[int]) -> PieceCodes:
        return PieceCodes(
            random.integers(0, 16, size=(sum(lengths), 16), dtype=np.uint16), np.cumsum([0, *lengths])
        )

    return {"train": some([30, 9, 20]), "val": some([13, 25])}


class Recorder(pl.LightningModule):
    """Notes the batches it gets; learns nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.seen: dict[int, list[bytes]] = {}

    def training_step(self, batch, batch_idx: int) -> torch.Tensor:
        first = batch if isinstance(batch, torch.Tensor) else batch[0]
        self.seen.setdefault(self.current_epoch, []).append(first.numpy().tobytes())
        return self.weight.sum()

    def validation_step(self, batch, batch_idx: int) -> None:
        pass

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fit(
    module: Recorder, data: pl.LightningDataModule, folder: Path, *, epochs: int, ckpt_path=None
) -> pl.Trainer:
    trainer = pl.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        default_root_dir=folder,
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
    )
    trainer.fit(module, datamodule=data, ckpt_path=ckpt_path)
    return trainer


@pytest.mark.parametrize("kind", ["slices", "codes"])
def test_a_resumed_run_sees_the_order_of_the_uninterrupted_one(prepared, codes, kind: str, tmp_path: Path):
    def data() -> pl.LightningDataModule:
        if kind == "slices":
            return MidiDataModule(prepared, batch_size=16, seed=3)
        return CodeDataModule(codes, batch_size=4, window_quarters=4, hop_quarters=3, start_token=16, seed=3)

    whole, first, second = Recorder(), Recorder(), Recorder()
    fit(whole, data(), tmp_path, epochs=4)
    fit(first, data(), tmp_path, epochs=2).save_checkpoint(tmp_path / "half.ckpt")
    fit(second, data(), tmp_path, epochs=4, ckpt_path=tmp_path / "half.ckpt")
    assert first.seen | second.seen == whole.seen
    assert sorted(second.seen) == [2, 3]
    assert len({tuple(batches) for batches in whole.seen.values()}) == 4


def test_an_epoch_holds_every_training_slice_once(prepared):
    data = MidiDataModule(prepared, batch_size=7, channels=2)
    data.setup("fit")
    batches = list(data.train_dataloader())
    expected = prepared.splits["train"].gather(np.arange(len(prepared.splits["train"])), channels=2)
    seen = torch.cat([batch.slices for batch in batches])
    assert seen.shape == expected.shape
    assert sorted(one.numpy().tobytes() for one in seen) == sorted(one.numpy().tobytes() for one in expected)
    assert all(len(batch.slices) == 7 for batch in batches[:-1])


def test_held_out_slices_come_in_order(prepared):
    data = MidiDataModule(prepared, batch_size=7)
    packed = prepared.splits["val"]
    slices, before = (torch.cat(parts) for parts in zip(*data.val_dataloader(), strict=True))
    assert torch.equal(slices, packed.gather(np.arange(len(packed))))
    goes_on = before[1:].any(dim=1).nonzero().flatten()
    assert torch.equal(before[1:][goes_on], slices[:-1, 0, :, -1][goes_on])


def test_a_batch_larger_than_the_training_set_is_the_whole_of_it(prepared, codes, caplog):
    size = len(prepared.splits["train"])
    slices = MidiDataModule(prepared, batch_size=size + 1)
    slices.setup("fit")
    assert f"batch_size={size + 1} and only {size} training slices: an epoch is one update" in caplog.text
    [batch] = slices.train_dataloader()
    assert len(batch.slices) == size
    windows = CodeDataModule(codes, batch_size=1000, window_quarters=12)
    assert "training windows: an epoch is one update" in caplog.text
    [batch] = windows.train_dataloader()
    assert len(batch.inputs) == len(windows.train_set)
    several = MidiDataModule(prepared, batch_size=size + 1, updates_per_epoch=3)
    assert [len(one.slices) for one in several.train_dataloader()] == [size + 1] * 3
    with pytest.raises(ValueError, match="batch_size=0"):
        MidiDataModule(prepared, batch_size=0)


def test_a_missing_split_is_an_error(prepared, codes):
    without = Prepared(
        prepared.pieces, prepared.splits | {"val": prepared.splits["val"].empty()}, prepared.summary
    )
    with pytest.raises(ValueError, match="val split has no piece"):
        MidiDataModule(without, batch_size=4).setup("fit")
    with pytest.raises(ValueError, match="validation windows"):
        CodeDataModule(
            {**codes, "val": PieceCodes(np.empty((0, 16), np.uint16), np.array([0]))}, batch_size=4
        )


def test_validation_windows_are_fixed_and_cover_each_code_once(codes):
    data = CodeDataModule(codes, batch_size=3, window_quarters=5, hop_quarters=2, start_token=16)
    batches = list(data.val_dataloader())
    assert sum(int(batch.mask.sum()) for batch in batches) == codes["val"].codes.size
    again = list(data.val_dataloader())
    assert all(torch.equal(one.inputs, other.inputs) for one, other in zip(batches, again, strict=True))
