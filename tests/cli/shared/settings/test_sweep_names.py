"""Names of a sweep's jobs: short, telling, never two alike, never outside the sweep's folder."""

import hydra
import pytest
from omegaconf import OmegaConf

from musicgen.cli.shared.settings.check import composed
from musicgen.cli.shared.settings.command_line import read_command_line
from musicgen.cli.shared.settings.sweep_names import naming
from musicgen.cli.shared.settings.usage import UsageError
from musicgen.config.tree import config_dir

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
        "data.title=Waltz,waltz",
        "data.title=Waltz.,Nocturne",
        "data.title=\u00c9tude,E\u0301tude",
        "seed=0,0",
        "data.title=../../x",
    ],
)
def test_values_that_are_no_part_of_a_folders_name_become_numbers(sweep: str):
    assert named(sweep) == ["hydra.sweep.subdir=${hydra.job.num}"]


def test_one_job_is_left_to_hydra():
    assert named("epochs=5") == []


def named_by_hand(*arguments: str) -> list[str]:
    """Name the jobs of a sweep whose folders the user names."""
    line = read_command_line(["-m", *arguments], verb="train")
    with hydra.initialize_config_dir(str(config_dir()), version_base="1.3"):
        return naming(line.overrides, config=composed(line))


@pytest.mark.parametrize(
    "typed",
    [
        "hydra.sweep.subdir=job${hydra.job.num}",
        "hydra.sweep.subdir=${epochs}/${hydra:job.num}",
        "hydra.sweep.subdir=of_${epochs}",
        "hydra.job.config.override_dirname.exclude_keys=[seed]",
    ],
)
def test_folders_may_be_named_by_hand(typed: str):
    assert named_by_hand("epochs=5,10", "seed=1", typed) == []


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("hydra.sweep.subdir=mine", "mine: two jobs"),
        ("hydra.sweep.subdir=${seed}", "1: two jobs"),
        ("hydra.job.config.override_dirname.exclude_keys=[epochs]", "two jobs"),
        ("hydra.sweep.subdir=../x${epochs}", "lies below its sweep's"),
        ("hydra.sweep.subdir=/x/${epochs}", "lies below its sweep's"),
        ("hydra.sweep.subdir=${nowhere}", "nowhere"),
    ],
)
def test_jobs_do_not_share_a_folder(typed: str, message: str):
    with pytest.raises(UsageError) as refusal:
        named_by_hand("epochs=5,10", "seed=1", typed)
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)
