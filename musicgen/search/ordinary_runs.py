"""Trials as ordinary runs, composed and started by Hydra like `musicgen train`."""

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import configure_log
from hydra.types import RunMode
from omegaconf import DictConfig

from musicgen.config.tree import config_dir
from musicgen.search.trials import Train
from musicgen.training.pruning import PruningCallback

TrainVerb = Callable[..., None]  # takes the composed config and, by keyword, `watchers`


def compose_once(settings: Sequence[str], values: Sequence[str]) -> DictConfig:
    """Compose a trial's config without running it, to catch invalid settings early.

    Args:
        settings: Settings shared by all trials, as `key=value`.
        values: Sampled settings, as `key=value`.

    Returns:
        The config.
    """
    return _hydra().config_loader.load_configuration("train", [*settings, *values], run_mode=RunMode.RUN)


def ordinary_runs(train: TrainVerb, *, settings: Sequence[str], quote: Callable[[str], str]) -> Train:
    """Return a function that trains a trial: Hydra composes the config, writes `.hydra/` and calls `train`.

    Args:
        train: Function of the train command.
        settings: Settings shared by all trials, as `key=value`.
        quote: Quotes a value for Hydra's override grammar.

    Returns:
        A function from folder, sampled settings and pruning callbacks to the run's final metrics. It resumes
        a folder that holds checkpoints.
    """

    def run(folder: Path, values: Sequence[str], watchers: Sequence[PruningCallback]) -> dict[str, float]:
        overrides = [*settings, *values, f"hydra.run.dir={quote(str(folder))}", "hydra.job.name=train"]
        if any(folder.glob("checkpoints/*-last.ckpt")):
            overrides.append("ckpt_path=last")
        (folder / "error.txt").unlink(missing_ok=True)
        own = HydraConfig.get()
        try:
            _hydra().run("train", partial(train, watchers=watchers), overrides)
        finally:
            configure_log(cast(DictConfig, own.job_logging), own.verbose)  # restore the search's own log file
        path = folder / "metrics.json"
        if not path.is_file():
            raise ValueError(f"{folder} has no metrics.json; the stages of a search must include evaluate")
        return json.loads(path.read_text(encoding="utf-8"))

    return run


def _hydra() -> Any:
    """Return the running Hydra; a process started by a launcher initialises it first."""
    if not GlobalHydra.instance().is_initialized():
        initialize_config_dir(str(config_dir()), job_name="train", version_base="1.3")
    return GlobalHydra.instance().hydra
