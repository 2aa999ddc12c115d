"""The table of configuration keys: complete for `train`, and what it says of overrides."""

import pytest
from omegaconf import OmegaConf

from musicgen.config.keys import KEYS, is_of_experiment, of_experiment, part_of
from musicgen.config.tree import config_dir
from tests.composing import composed


def test_every_key_of_a_training_is_in_the_table():
    config = composed("train", "data=folder", "run_dir=here")
    missing = [key for key in map(str, config) if key not in KEYS]
    assert not missing, f"say in config/keys.py what {missing} belong to"


@pytest.mark.parametrize(
    ("override", "part"),
    [
        ("epochs=5,10", "experiment"),
        ("experiment=sizes", "experiment"),
        ("vq_vae.num_hiddens=64", "experiment"),
        ("optimizer@optimizer.vq_vae=adamw", "experiment"),
        ("data.composer=[Chopin]", "experiment"),
        ("data.root=/a", "where"),
        ("data.source.root=/a", "where"),
        ("data.num_workers=2", "how"),
        ("hydra/launcher=joblib", "where"),
        ("trainer=cpu", "how"),
        ("+trainer.max_steps=5", "how"),
        ("trainer.precision=32-true", "experiment"),
        ("~callbacks.bar", "how"),
        ("+something.new=1", "experiment"),
    ],
)
def test_what_an_override_belongs_to(override: str, part: str):
    assert part_of(override) == part
    assert is_of_experiment(override) == (part == "experiment")


def test_folder_names_leave_out_what_belongs_to_no_experiment():
    output = OmegaConf.load(config_dir() / "output" / "train.yaml")
    left_out = set(output.job.config.override_dirname.exclude_keys) - {"experiment"}
    assert not {key for key in left_out if is_of_experiment(key)}


def test_the_experiment_is_what_is_left():
    assert of_experiment(["seed=1", "threads=2", "name=a", "transpose=0"]) == ["seed=1", "transpose=0"]
