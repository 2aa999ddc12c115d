"""Names of a sweep's jobs: short, telling, never two alike."""

import itertools

import pytest
from hydra import compose, initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser

from musicgen.cli.shared.sweep_names import named_by_differences
from musicgen.config.tree import config_dir


def folders(*arguments: str) -> list[str]:
    """Name the jobs of a sweep as Hydra will."""
    named = named_by_differences(["-m", *arguments], verb="train")[1:]
    overrides = OverridesParser.create().parse_overrides([one for one in named if "hydra." not in one])
    names = []
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        for number, job in enumerate(itertools.chain(*BasicSweeper.split_arguments(overrides, None))):
            hydras = [one for one in named if "hydra." in one]
            config = compose("train", overrides=[*job, *hydras], return_hydra_config=True)
            config.hydra.job.num = number
            HydraConfig.instance().set_config(config)
            names.append(str(config.hydra.sweep.subdir))
    return names


def test_what_jobs_share_is_not_in_their_names():
    shared = ["data.composer=[Chopin]", "threads=1", "transformer.width=16"]
    assert folders("seed=0,1", *shared, "epochs=5,10") == [
        "epochs=5,seed=0",
        "epochs=10,seed=0",
        "epochs=5,seed=1",
        "epochs=10,seed=1",
    ]


def test_swept_settings_that_are_usually_left_out_are_named():
    assert folders("trainer=cpu,fp32") == ["trainer=cpu", "trainer=fp32"]


def test_an_experiment_that_sweeps_lends_its_knob():
    named = named_by_differences(["-m", "experiment=epochs_5_vs_10", "data.title=Nocturne"], verb="train")
    assert "data.title" in named[2]
    assert "epochs" not in named[2]


def test_names_that_no_file_system_takes_become_numbers():
    title = "Nocturne " * 30
    assert folders(f"data.title='{title}1','{title}2'") == ["0", "1"]


def test_an_option_after_the_overrides_stays_there():
    assert named_by_differences(["epochs=5,10", "-m"], verb="train")[::2] == ["epochs=5,10", "-m"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["epochs=5,10"],
        ["-m", "epochs=5"],
        ["-m", "epochs=5,10", "hydra.sweep.subdir=mine"],
        ["-m", "epochs=5,]"],
        ["-m", "experiment=there_is_none"],
    ],
)
def test_the_rest_is_left_to_hydra(arguments: list[str]):
    assert named_by_differences(arguments, verb="train") == arguments


def test_verbs_without_names_of_their_own_are_named_too():
    named = named_by_differences(["-m", "data.era=romantic,baroque", "grid=clock"], verb="prepare")
    assert named[2].endswith("=[grid]")
