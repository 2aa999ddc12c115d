"""One table of configuration keys: what belongs to the experiment, to where a run is, to how it is run.

Used by folder names, resuming, comparisons, the search and loggers.
"""

from collections.abc import Iterable
from typing import Literal

Part = Literal["experiment", "where", "how"]

# The longest matching dotted name wins; a leading dot matches the last part of any key.
# experiment: defines the experiment.
# where: names and locations of a run and its inputs.
# how: hardware, monitoring and handling of earlier attempts.
KEYS: dict[str, Part] = {
    "name": "where",
    "run_dir": "where",
    "experiment": "experiment",
    "hydra": "where",
    "output": "where",
    "paths": "where",
    "search": "where",
    "data": "experiment",
    "data.root": "where",
    "grid": "experiment",
    "quantizer": "experiment",
    "bottleneck": "experiment",
    "pattern": "experiment",
    "cells": "experiment",
    "noise": "experiment",
    "condition": "experiment",
    "vq_vae": "experiment",
    "transformer": "experiment",
    "renderer": "experiment",
    "classifier": "experiment",
    "optimizer": "experiment",
    "scheduler": "experiment",
    "epochs": "experiment",
    "max_epochs": "experiment",
    "batch_size": "experiment",
    "updates_per_epoch": "experiment",
    "windows": "experiment",
    "transpose": "experiment",
    "keep": "experiment",
    "init_from": "experiment",
    "seed": "experiment",
    "stage": "experiment",
    "stages": "experiment",
    "sampling": "experiment",
    "generate": "experiment",
    "trainer": "how",
    "trainer.precision": "experiment",
    "trainer.gradient_clip_val": "experiment",
    "trainer.accumulate_grad_batches": "experiment",
    "logger": "how",
    "callbacks": "how",
    "own_metrics": "how",  # additional metrics
    "threads": "how",
    "ckpt_path": "how",
    "resume": "how",
    "retry_failed": "how",
    "reuse": "how",
    ".root": "where",
    ".save_dir": "where",
    ".log_dir": "where",
    ".output_dir": "where",
    ".dirpath": "where",
    ".default_root_dir": "where",
    ".cache_dir": "how",
    ".num_workers": "how",
    ".progress": "how",
}


def part_of(key: str) -> Part:
    """Look up the part of a setting.

    Args:
        key: Dotted name, or the left side of an override: `data.root`, `+trainer.max_steps`,
            `optimizer@optimizer.vq_vae`, `hydra/launcher`.

    Returns:
        The part; unknown settings belong to the experiment.
    """
    parts = key.partition("=")[0].lstrip("+~").rpartition("@")[2].replace("/", ".").split(".")
    leaf = f".{parts[-1]}"
    if leaf in KEYS:
        return KEYS[leaf]
    for length in range(len(parts), 0, -1):
        if (name := ".".join(parts[:length])) in KEYS:
            return KEYS[name]
    return "experiment"


def is_of_experiment(key: str) -> bool:
    """Check whether a setting defines the experiment."""
    return part_of(key) == "experiment"


def of_experiment(overrides: Iterable[str]) -> list[str]:
    """Return the overrides (`key=value`) that identify the experiment."""
    return [override for override in overrides if is_of_experiment(override)]
