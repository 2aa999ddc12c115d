"""One table of configuration keys: what belongs to the experiment, to where a run is, to how it is run.

Whoever must know which settings count asks here: folder names, resuming, comparisons, the search, loggers.
"""

from collections.abc import Iterable
from typing import Literal

Part = Literal["experiment", "where", "how"]

# Longest dotted name that fits a key, or, with a leading dot, its last part anywhere.
# experiment: another value is another experiment.
# where: what a run is called, where it is kept and what it is read from.
# how: on what it is computed, how it is watched, what is done with earlier attempts.
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
    "cells": "experiment",
    "noise": "experiment",
    "condition": "experiment",
    "vq_vae": "experiment",
    "transformer": "experiment",
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
    "own_metrics": "how",  # measured beside the others
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
    """Look up what a setting belongs to.

    Args:
        key: Dotted name, or the left side of an override: `data.root`, `+trainer.max_steps`,
            `optimizer@optimizer.vq_vae`, `hydra/launcher`.

    Returns:
        The part; a setting that the table does not know counts as one of the experiment.
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
    """Report whether another value of this setting is another experiment."""
    return part_of(key) == "experiment"


def of_experiment(overrides: Iterable[str]) -> list[str]:
    """Keep the overrides (`key=value`) that identify the experiment."""
    return [override for override in overrides if is_of_experiment(override)]
