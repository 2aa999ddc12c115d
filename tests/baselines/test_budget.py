import time
from functools import partial

import pytest
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from musicgen.baselines.budget import epochs_within

UPDATES = 40
TRAINER = partial(pl.Trainer, accelerator="cpu", enable_model_summary=False, num_sanity_val_steps=0)


class Busy(pl.LightningModule):
    """Takes five milliseconds of CPU an update."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def training_step(self, batch: torch.Tensor) -> torch.Tensor:
        until = time.process_time() + 0.005
        while time.process_time() < until:
            pass
        return (self.weight - batch.mean()) ** 2

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def epochs(cpu_seconds: float, module: pl.LightningModule) -> int:
    loader = DataLoader(torch.ones(UPDATES, 1), batch_size=1)
    return epochs_within(
        cpu_seconds, make_trainer=TRAINER, module=module, data=loader, num_updates=len(loader)
    )


def test_a_longer_time_holds_more_epochs_and_never_none():
    module = Busy()

    assert 4 <= epochs(2.0, module) <= 10  # 0.2 s an epoch and what the trainer itself takes
    assert epochs(0.001, module) == 1


def test_the_module_is_left_as_it_was():
    module = Busy()

    epochs(0.01, module)

    assert module.weight.item() == 0.0


def test_no_time_is_refused():
    with pytest.raises(ValueError, match=r"cpu_seconds=0.*more than 0"):
        epochs(0, Busy())
