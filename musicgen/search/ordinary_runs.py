"""One trial as an ordinary run: composed and started by Hydra as `musicgen train` would be."""

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
    """Compose a trial's configuration without running it, so that a misspelt setting shows at once.

    Args:
        settings: The same in all trials, as `key=value`.
        values: Of the knobs, as `key=value`.

    Returns:
        The configuration.
    """
    return _hydra().config_loader.load_configuration("train", [*settings, *values], run_mode=RunMode.RUN)


def ordinary_runs(train: TrainVerb, *, settings: Sequence[str], quote: Callable[[str], str]) -> Train:
    """Make what trains a trial: Hydra composes, writes `.hydra/`, logs to the run folder and calls `train`.

    Args:
        train: The verb.
        settings: The same in all trials, as `key=value`.
        quote: Quotes a value for Hydra's grammar.

    Returns:
        Takes a folder, the knobs' values and what watches the run; gives the run's final metrics.
        A folder that holds checkpoints is gone on with.
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
            configure_log(
                cast(DictConfig, own.job_logging), own.verbose
            )  # messages go to the search's own file again
        path = folder / "metrics.json"
        if not path.is_file():
            raise ValueError(f"{folder} has no metrics.json; keep evaluate among the stages of a search")
        return json.loads(path.read_text(encoding="utf-8"))

    return run


def _hydra() -> Any:
    """Give the Hydra that runs this verb; a process that a launcher started has none yet."""
    if not GlobalHydra.instance().is_initialized():
        initialize_config_dir(str(config_dir()), job_name="train", version_base="1.3")
    return GlobalHydra.instance().hydra
