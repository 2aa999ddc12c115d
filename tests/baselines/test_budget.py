from functools import partial

import pytest
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from musicgen.baselines.budget import training_within

UPDATES = 40
TRAINER = partial(pl.Trainer, accelerator="cpu", enable_model_summary=False, num_sanity_val_steps=0)


class Busy(pl.LightningModule):
    """Takes five milliseconds an update, by a clock of its own that all copies share."""

    elapsed_s = 0.0

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def training_step(self, batch: torch.Tensor) -> torch.Tensor:
        Busy.elapsed_s += 0.005
        return (self.weight - batch.mean()) ** 2

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def training(cpu_seconds: float, module: pl.LightningModule) -> dict[str, int]:
    loader = DataLoader(torch.ones(UPDATES, 1), batch_size=1)
    return training_within(
        cpu_seconds,
        make_trainer=TRAINER,
        module=module,
        data=loader,
        num_updates=len(loader),
        clock=lambda: Busy.elapsed_s,
    )


def test_a_longer_time_holds_more_epochs():
    assert training(2.0, Busy()) == {"max_epochs": 10}  # 0.2 s each
    assert training(0.29, Busy()) == {"max_epochs": 1}


def test_a_time_too_short_for_an_epoch_holds_a_part_of_it_and_never_nothing():
    assert training(0.06, Busy()) == {"max_epochs": 1, "limit_train_batches": 12}  # of 40
    assert training(1e-6, Busy()) == {"max_epochs": 1, "limit_train_batches": 1}


def test_the_module_is_left_as_it_was():
    module = Busy()

    training(0.01, module)

    assert module.weight.item() == 0.0


def test_no_time_is_refused():
    with pytest.raises(ValueError, match=r"cpu_seconds=0.*more than 0"):
        training(0, Busy())
