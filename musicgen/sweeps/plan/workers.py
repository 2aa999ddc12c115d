"""The processes in which joblib's launcher runs jobs, put to use before the first job."""

import importlib
from collections.abc import Sequence
from typing import Any

from hydra.core.singleton import Singleton
from hydra.core.utils import setup_globals
from omegaconf import DictConfig, OmegaConf

from musicgen.sweeps.resources import jobs_at_once

JOBS_NEED = ("musicgen.pipeline.pipeline", "musicgen.pipeline.hparams")


def plan_by_workers(config: DictConfig, jobs: Sequence[Sequence[str]], *, budget_s: float) -> str:
    """Have one of the launcher's processes write the plan, while the others import what jobs need.

    Joblib keeps its processes, so the jobs find them warm, and this one never imports PyTorch.

    Args:
        config: The sweep's config, Hydra's part with it.
        jobs: The overrides of each job.
        budget_s: Seconds at most for timing steps; 0 tells no times.
    """
    from joblib import Parallel, delayed

    settings = OmegaConf.to_container(config.hydra.launcher, resolve=True)
    assert isinstance(settings, dict)
    settings = {str(name): value for name, value in settings.items() if name != "_target_"}
    plan = delayed(_plan)(Singleton.get_state(), config, jobs, budget_s=budget_s)
    others = min(jobs_at_once(config.hydra), len(jobs)) - 1
    text, *_ = Parallel(**{**settings, "backend": "loky"})([plan, *[delayed(_import)()] * others])
    return str(text)


def _plan(state: Any, config: DictConfig, jobs: Sequence[Sequence[str]], *, budget_s: float) -> str:
    """Write the plan with the Hydra of the process that asked for it, as the launcher runs jobs."""
    from musicgen.sweeps.plan.plan import plan_text

    setup_globals()
    Singleton.set_state(state)
    text = plan_text(config, jobs, budget_s=budget_s)
    _import()
    return text


def _import() -> None:
    for name in JOBS_NEED:
        importlib.import_module(name)
