"""Plan a sweep in joblib's worker processes, and warm them up."""

import importlib
from collections.abc import Sequence
from typing import Any

from hydra.core.singleton import Singleton
from hydra.core.utils import setup_globals
from omegaconf import DictConfig, OmegaConf

from musicgen.sweeps.resources import jobs_at_once

JOBS_NEED = ("musicgen.pipeline.pipeline", "musicgen.pipeline.hparams")


def plan_by_workers(config: DictConfig, jobs: Sequence[Sequence[str]], *, budget_s: float) -> str:
    """Write the plan in one of the launcher's processes, while the others import what jobs need.

    Joblib keeps its processes, so the jobs start warm, and this process never imports PyTorch.

    Args:
        config: The sweep's config, including `hydra`.
        jobs: The overrides of each job.
        budget_s: Most seconds spent on timing updates; 0 estimates no times.
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
    """Write the plan with the Hydra state of the calling process, as the launcher runs jobs."""
    from musicgen.sweeps.plan.plan import plan_text

    setup_globals()
    Singleton.set_state(state)
    text = plan_text(config, jobs, budget_s=budget_s)
    _import()
    return text


def _import() -> None:
    for name in JOBS_NEED:
        importlib.import_module(name)
