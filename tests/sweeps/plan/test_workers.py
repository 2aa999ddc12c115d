"""The launcher's processes: warm before the first job, and the jobs' own."""

import os
from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from joblib import Parallel, delayed

from musicgen.config.tree import config_dir
from musicgen.sweeps.plan.workers import JOBS_NEED, plan_by_workers

SMALL = ["vq_vae.num_hiddens=8", "transformer.num_heads=2", "transformer.num_layers=1", "transformer.width=8"]


def process(*, wait_s: float = 0.5) -> tuple[int, bool]:
    """Name the process that a job runs in, and tell whether it knows all that jobs need."""
    import sys
    import time

    time.sleep(wait_s)  # so that no process takes two
    return os.getpid(), set(JOBS_NEED) <= set(sys.modules)


@pytest.mark.long
def test_jobs_run_in_the_processes_that_wrote_the_plan(tmp_path: Path):
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        launcher = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2", f"hydra.sweep.dir={tmp_path}"]
        loader = GlobalHydra.instance().config_loader()
        config = loader.load_configuration("train", [*SMALL, *launcher], run_mode=RunMode.MULTIRUN)
        text = plan_by_workers(config, [[*SMALL, f"seed={seed}"] for seed in (0, 1)], budget_s=0)
    assert text.startswith("2 jobs, 2 at a time: 2 VQ-VAEs and 2 transformers to train")
    launched = Parallel(n_jobs=2, backend="loky", prefer="processes", max_nbytes=None)(
        delayed(process)() for _ in range(2)
    )
    assert [warm for _, warm in launched] == [True, True]
    assert len({number for number, _ in launched} - {os.getpid()}) == 2
