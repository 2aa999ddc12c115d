"""Names of a sweep's jobs: short, telling, never two alike, never outside the sweep's folder."""

import pytest
from omegaconf import OmegaConf

from musicgen.cli.shared.settings.command_line import read_command_line
from musicgen.cli.shared.settings.sweep_names import naming

USUAL = ["trainer", "data.root"]


def named(*arguments: str, params: dict | None = None) -> list[str]:
    """Name the jobs of a sweep by what its command line leaves out of their names."""
    job = {"job": {"config": {"override_dirname": {"exclude_keys": USUAL}}}, "sweeper": {"params": params}}
    line = read_command_line(["-m", *arguments], verb="train")
    return naming(line.overrides, config=OmegaConf.create({"hydra": job}))


def test_what_jobs_share_is_not_in_their_names():
    [override] = named("seed=0,1", "data.composer=[Chopin]", "threads=1", "epochs=5,10")
    assert override.endswith("exclude_keys=[trainer,data.root,data.composer,threads]")


def test_swept_settings_that_are_usually_left_out_are_named():
    assert named("trainer=cpu,fp32")[0].endswith("exclude_keys=[data.root]")


def test_what_an_experiment_sweeps_is_named_unless_it_is_fixed():
    [override] = named("data.title=Nocturne", params={"epochs": "5,10"})
    assert override.endswith("exclude_keys=[trainer,data.root,data.title]")
    assert named("epochs=5", params={"epochs": "5,10"}) == []


@pytest.mark.parametrize(
    "sweep",
    [
        f"data.title='{'Nocturne ' * 30}1','{'Nocturne ' * 30}2'",
        "data.root=../../../a,../../../b",
        "data.title='a/b',c",
        r"data.title='a\\b',c",
        "data.title='what?','how?'",
        "batch_size=8,16",
    ],
)
def test_values_that_are_no_part_of_a_folders_name_become_numbers(sweep: str):
    assert named(sweep) == ["hydra.sweep.subdir=${hydra.job.num}"]


@pytest.mark.parametrize("arguments", [["epochs=5"], ["epochs=5,10", "hydra.sweep.subdir=mine"]])
def test_the_rest_is_left_to_hydra(arguments: list[str]):
    assert named(*arguments) == []
