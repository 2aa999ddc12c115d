import time
from functools import partial

import pytest
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from musicgen.baselines.budget import training_within

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


def training(cpu_seconds: float, module: pl.LightningModule) -> dict[str, int]:
    loader = DataLoader(torch.ones(UPDATES, 1), batch_size=1)
    return training_within(
        cpu_seconds, make_trainer=TRAINER, module=module, data=loader, num_updates=len(loader)
    )


def test_a_longer_time_holds_more_epochs():
    length = training(2.0, Busy())
    assert set(length) == {"max_epochs"}
    assert 4 <= length["max_epochs"] <= 10  # 0.2 s an epoch and what the trainer itself takes


def test_a_time_too_short_for_an_epoch_holds_a_part_of_it_and_never_nothing():
    module = Busy()
    length = training(0.06, module)
    assert length["max_epochs"] == 1
    assert 4 <= length["limit_train_batches"] <= 12  # of 40: 5 ms each and what the trainer itself takes
    assert training(1e-6, module) == {"max_epochs": 1, "limit_train_batches": 1}


def test_the_module_is_left_as_it_was():
    module = Busy()

    training(0.01, module)

    assert module.weight.item() == 0.0


def test_no_time_is_refused():
    with pytest.raises(ValueError, match=r"cpu_seconds=0.*more than 0"):
        training(0, Busy())
