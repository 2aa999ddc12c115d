"""Parameter groups and learning-rate schedules."""

import math
from collections.abc import Callable

import pytorch_lightning as pl
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

OptimizerFactory = Callable[..., Optimizer]
SchedulerFactory = Callable[..., LRScheduler]


def parameter_groups(module: nn.Module) -> list[dict[str, object]]:
    """Split the trainable parameters into groups with and without weight decay.

    Matrices and convolution kernels are decayed; biases, gains and embedding tables are not, as in GPT-2's
    training (Radford et al. 2019). An optimizer without weight decay treats both groups alike.

    Args:
        module: The network to train.

    Returns:
        Two groups for a torch optimizer; the second has `weight_decay` 0.
    """
    embeddings = {id(table.weight) for table in module.modules() if isinstance(table, nn.Embedding)}
    decayed, kept = [], []
    for parameter in module.parameters():
        if parameter.requires_grad:
            group = decayed if parameter.ndim >= 2 and id(parameter) not in embeddings else kept
            group.append(parameter)
    return [{"params": decayed}, {"params": kept, "weight_decay": 0.0}]


def learning_rate(trainer: pl.Trainer) -> float:
    """Return the learning rate of the next update."""
    return trainer.optimizers[0].param_groups[0]["lr"]


def constant(optimizer: Optimizer, *, total_steps: int) -> LRScheduler:
    """Return a constant schedule.

    Args:
        optimizer: The optimizer.
        total_steps: Ignored; schedules share this signature.

    Returns:
        A schedule that multiplies the rate by 1.
    """
    del total_steps
    return LambdaLR(optimizer, lambda step: 1.0)


def cosine(
    optimizer: Optimizer, *, total_steps: int, warmup: float = 0.05, final_share: float = 0.05
) -> LRScheduler:
    """Return a schedule of linear warm-up and cosine decay (Loshchilov and Hutter 2017, equation 5).

    Args:
        optimizer: The optimizer.
        total_steps: Updates of the whole training.
        warmup: Share of updates in the warm-up, 0 to 1 (exclusive).
        final_share: Final rate as a share of the peak, 0 to 1.

    Returns:
        A schedule to step once per update.

    Raises:
        ValueError: A share is out of range.
    """
    if not 0 <= warmup < 1:
        raise ValueError(f"warmup={warmup} is not a share of the updates; use a number from 0 to below 1")
    if not 0 <= final_share <= 1:
        raise ValueError(f"final_share={final_share} is not a share of the rate; use a number from 0 to 1")
    warmup_steps = warmup * total_steps

    def share(step: int) -> float:
        if step < warmup_steps:
            return (step + 1) / (warmup_steps + 1)
        progress = min(1.0, (step - warmup_steps) / max(1.0, total_steps - warmup_steps))
        return final_share + (1 - final_share) * 0.5 * (1 + math.cos(math.pi * progress))

    return LambdaLR(optimizer, share)
