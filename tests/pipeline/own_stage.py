"""A user's stage between the autoencoder and the prior: a line that predicts how dense a quarter is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from musicgen.data.batches.datamodule import MidiDataModule
from musicgen.data.batches.slices import SliceBatch
from musicgen.pipeline.context import RunContext
from musicgen.pipeline.network_stage import NetworkStage


class Line(nn.Module):
    def __init__(self, *, bias: float) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.zeros(())), nn.Parameter(torch.tensor(bias))

    def forward(self, slices: Tensor) -> Tensor:
        return self.bias + self.weight * slices.float().mean(dim=(1, 2, 3))


class LineModule(pl.LightningModule):
    def __init__(self, line: Line, optimizer: Any, scheduler: Any) -> None:
        super().__init__()
        self.line, self.optimizer, self.scheduler = line, optimizer, scheduler

    def training_step(self, batch: SliceBatch, batch_idx: int) -> Tensor:
        sounding = batch.slices.float().sum(dim=(1, 2, 3))
        return (self.line(batch.slices) - sounding).square().mean()

    def validation_step(self, batch: SliceBatch, batch_idx: int) -> None:
        self.log("density/val/loss", self.training_step(batch, batch_idx))

    def configure_optimizers(self) -> Any:
        return self.optimizer(self.parameters())


@dataclass(kw_only=True)
class DensityStage(NetworkStage):
    needs: Sequence[str] = ("vq_vae",)
    monitor: str = "density/val/loss"

    def module(self, run: RunContext | None) -> LineModule:
        return LineModule(self.network, self.optimizer, self.scheduler)

    def data(self, run: RunContext) -> MidiDataModule:
        return MidiDataModule(run.prepared, batch_size=self.batch_size, seed=run.seed)

    def build_batch(self) -> SliceBatch:
        slices = torch.zeros(self.batch_size, 1, 88, 32, dtype=torch.uint8)
        return SliceBatch(slices, before=slices[:, 0, :, -1])
