"""Which updates' metrics reach the loggers."""

import pytorch_lightning as pl


def is_written(trainer: pl.Trainer) -> bool:
    """Tell whether Lightning gives what the update at hand logs to the loggers: each tenth, as a rule."""
    every = trainer.log_every_n_steps  # pyright: ignore[reportAttributeAccessIssue]
    return every > 0 and (trainer.global_step + 1) % every == 0
