"""The lines of a training: one per epoch, in a pipe without bars, at 80 columns without a wrap."""

import re

import pytest
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from musicgen.measure.headlines import headlines
from musicgen.training import epoch_bar as module
from musicgen.training.epoch_bar import StageBar, clock, epoch_line

LONGEST = headlines(
    {"vq_vae/val/bce": 0.0294, "vq_vae/val/perplexity": 14.1, "vq_vae/val/onset_f1": 0.87},
    {"baseline/pitch/bce": 0.128},
)


class Line(pl.LightningModule):
    title, stage, baselines = "VQ-VAE", "vq_vae", {"baseline/pitch/bce": 0.5}

    def __init__(self) -> None:
        super().__init__()
        self.line = torch.nn.Linear(1, 1)

    def training_step(self, batch, batch_idx):
        return self.line(batch).square().mean()

    def validation_step(self, batch, batch_idx) -> None:
        self.log("vq_vae/val/bce", 0.25)
        self.log("transformer/val/nats_per_code", 1.0)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def trained(*, epochs: int, **more) -> None:
    loader = DataLoader(torch.ones(8, 1), batch_size=4)
    trainer = pl.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        callbacks=[StageBar()],
        **more,
    )
    trainer.fit(Line(), loader, loader)


def test_a_pipe_gets_one_line_per_epoch(capfd: pytest.CaptureFixture[str]) -> None:
    trained(epochs=3)
    lines = [line for line in capfd.readouterr().err.splitlines() if line.startswith("VQ-VAE")]
    assert [re.sub(r"\d+:\d\d", "T", line) for line in lines] == [
        "VQ-VAE 1/3  BCE .25 (trivial .5)  T left",
        "VQ-VAE 2/3  BCE .25 (trivial .5)  T left",
        "VQ-VAE 3/3  BCE .25 (trivial .5)  took T",
    ]


def test_an_epoch_without_validation_shows_no_old_metrics(capfd: pytest.CaptureFixture[str]) -> None:
    trained(epochs=3, check_val_every_n_epoch=2)
    lines = [line for line in capfd.readouterr().err.splitlines() if line.startswith("VQ-VAE")]
    assert ["BCE" in line for line in lines] == [False, True, False]


def test_a_terminal_draws_the_epoch_at_work_over_itself(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr(module, "_DRAW_EVERY_S", 0.0)
    trained(epochs=1)
    drawn = capfd.readouterr().err
    assert "\r\x1b[KVQ-VAE 1/1  50%" in drawn
    assert re.search(r"\r\x1b\[KVQ-VAE 1/1  BCE \.25 \(trivial \.5\)  took \d:\d\d\n", drawn)


def test_a_line_fits_into_80_columns_and_loses_its_last_metrics_first() -> None:
    whole = epoch_line("VQ-VAE 3/5", LONGEST, "1:40 left", width=80)
    assert whole == "VQ-VAE 3/5  BCE .0294 (trivial .128)  perplexity 14.1  onset F1 .87  1:40 left"
    assert epoch_line("VQ-VAE 3/5", LONGEST, "1:40 left", width=60) == (
        "VQ-VAE 3/5  BCE .0294 (trivial .128)  1:40 left"
    )
    assert epoch_line("VQ-VAE 3/5", LONGEST, "1:40 left", width=12) == "VQ-VAE 3/5  "
    assert epoch_line("VQ-VAE 3/5", LONGEST, "", width=None).endswith("onset F1 .87")


def test_durations_are_read_as_clocks() -> None:
    assert [clock(seconds) for seconds in (3.4, 100.0, 7500.0)] == ["0:03", "1:40", "2:05:00"]
