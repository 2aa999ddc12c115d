"""Cores and devices among jobs at the same time."""

from contextlib import ExitStack
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from musicgen.sweeps.resources import device_of_job, jobs_at_once, threads_for

JOBLIB = "hydra_plugins.hydra_joblib_launcher.joblib_launcher.JoblibLauncher"
BASIC = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"
SLURM = "hydra_plugins.hydra_submitit_launcher.submitit_launcher.SlurmLauncher"
RAY = "hydra_plugins.hydra_ray_launcher.ray_launcher.RayLauncher"


def launched(target: str, **settings: object):
    return OmegaConf.create({"launcher": {"_target_": target, **settings}})


@pytest.mark.parametrize(
    ("n_jobs", "at_once", "threads"), [(1, 1, 8), (2, 2, 4), (3, 3, 2), (16, 16, 1), (-1, 8, 1)]
)
def test_parallel_jobs_divide_the_cores(n_jobs: int, at_once: int, threads: int):
    hydra = launched(JOBLIB, n_jobs=n_jobs)
    assert jobs_at_once(hydra, cores=8) == at_once
    assert threads_for(hydra, usual=8, cores=8) == threads


def test_a_job_never_has_more_threads_than_it_would_have_alone():
    assert threads_for(launched(JOBLIB, n_jobs=2), usual=1, cores=8) == 1


def test_other_launchers_give_what_was_asked_for():
    assert threads_for(launched(BASIC), usual=8) == 8
    assert threads_for(launched(SLURM, cpus_per_task=6), usual=64) == 6
    assert threads_for(launched(RAY, ray={"remote": {"num_cpus": 3}}), usual=64) == 3


def test_jobs_have_devices_of_their_own_and_share_evenly_when_they_are_more(tmp_path: Path):
    with ExitStack() as stack:
        devices = [stack.enter_context(device_of_job(2, jobs=4, folder=tmp_path)) for _ in range(4)]
        assert sorted(devices) == [0, 0, 1, 1]
        assert devices[:2] == [0, 1]


def test_a_device_is_free_again_when_its_job_ends(tmp_path: Path):
    with device_of_job(2, jobs=2, folder=tmp_path) as first:
        assert first == 0
        with device_of_job(2, jobs=2, folder=tmp_path) as second:
            assert second == 1
    with device_of_job(2, jobs=2, folder=tmp_path) as again:
        assert again == 0


@pytest.mark.parametrize(("count", "jobs"), [(0, 4), (1, 4), (4, 1)])
def test_there_is_nothing_to_choose_with_one_device_or_one_job(tmp_path: Path, count: int, jobs: int):
    with device_of_job(count, jobs=jobs, folder=tmp_path) as device:
        assert device is None
