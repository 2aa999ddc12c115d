"""A run whose numbers are no longer finite stops, and says where and what to do."""

from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from musicgen.training.callbacks import StopOnNonFinite
from musicgen.training.checkpoints import StageCheckpoint


class Small(pl.LightningModule):
    """A line fitted to nothing, with a way to spoil it at one step."""

    stage = "vq_vae"

    def __init__(self, *, spoil_loss_at: int = -1, spoil_gradient_at: int = -1) -> None:
        super().__init__()
        self.line = torch.nn.Linear(2, 1)
        self.spoil_loss_at, self.spoil_gradient_at = spoil_loss_at, spoil_gradient_at

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        loss = self.line(batch).square().mean()
        return loss * (float("nan") if self.global_step == self.spoil_loss_at else 1)

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        if self.global_step == self.spoil_gradient_at:
            self.line.weight.grad.fill_(float("inf"))

    def validation_step(self, batch: torch.Tensor, batch_idx: int) -> None:
        self.log("vq_vae/val/bce", self.line(batch).square().mean())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.125)


def fit(module: Small, folder: Path) -> None:
    keep = StageCheckpoint(folder, stage="vq_vae", monitor="vq_vae/val/bce", description={"format": 1})
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=3,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        callbacks=[StopOnNonFinite(every_n_steps=1), keep],
    )
    batches = DataLoader(torch.ones(8, 2), batch_size=2)
    trainer.fit(module, batches, batches)


@pytest.mark.parametrize(
    ("spoiled", "said"),
    [
        ({"spoil_loss_at": 5}, "the training loss is nan at step 6"),
        ({"spoil_gradient_at": 7}, "line.weight is not finite at step 8"),
    ],
)
def test_numbers_that_are_none_stop_a_run_with_step_rate_and_last_good_checkpoint(
    tmp_path: Path, spoiled: dict[str, int], said: str
):
    with pytest.raises(FloatingPointError) as error:
        fit(Small(**spoiled), tmp_path)
    message = str(error.value)
    assert said in message
    assert "learning rate 0.125" in message
    assert f"last good checkpoint: {tmp_path / 'vq_vae-last.ckpt'}" in message
    assert "optimizer.vq_vae.lr" in message
    last = torch.load(tmp_path / "vq_vae-last.ckpt", weights_only=True)
    assert last["epoch"] == 0
    assert all(torch.isfinite(tensor).all() for tensor in last["state_dict"].values())


def test_a_sound_run_is_left_alone(tmp_path: Path):
    fit(Small(), tmp_path)
    assert torch.load(tmp_path / "vq_vae.ckpt", weights_only=True)["epoch"] == 2
