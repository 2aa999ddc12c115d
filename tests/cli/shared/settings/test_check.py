"""One check of all settings before anything is read, written or trained: every mistake gets one sentence."""

import itertools
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from musicgen.cli.shared.settings import check, composition
from musicgen.cli.shared.settings.command_line import read_command_line
from musicgen.cli.shared.settings.usage import UsageError
from musicgen.config.grammar import written
from musicgen.config.schema import PER_STAGE, TABLES, kind_of, stated_kind
from musicgen.config.tree import config_dir
from tests.cli.shared.settings.conftest import composed_once

pytestmark = pytest.mark.usefixtures("quick")
VERBS = [  # train has as many settings as all others together
    pytest.param(name, marks=[pytest.mark.gate] if name == "train" else [])
    for name in sorted(path.stem for path in config_dir().glob("*.yaml"))
]
WRONG = ("five", "1.5", "-3", "true", "[1,2]", "{a:1}", "null", "''", "../../x", "Étude")


def refused(verb: str, *arguments: str) -> str:
    """Return the sentence that refuses a command line; empty where it is carried out."""
    try:
        check.composed(read_command_line(arguments, verb=verb))
    except UsageError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("verb", "typed", "message"),
    [
        ("train", "epoch=5", "did you mean epochs=5?"),
        ("train", "+epoch=5", "did you mean epochs=5?"),
        ("train", "vq_vae.num_hidden=64", "did you mean vq_vae.num_hiddens=64"),
        ("generate", "temperature=.8", "did you mean sampling.temperature=.8?"),
        ("train", "lr=1e-3", "optimizer.transformer.lr=1e-3"),
        ("train", "epochs=five", "epochs takes a whole number from 1"),
        ("train", "epochs=1.5", "epochs takes a whole number from 1"),
        ("train", "-m epochs=5,1.5", "epochs takes a whole number from 1"),
        ("train", "seed=a", "seed takes a whole number from 0"),
        ("train", "epochs=5,10", "type -m epochs=5,10"),
        ("generate", "sampling.temperature=0,9", "for a number with a fraction sampling.temperature=0.9"),
        ("train", "name=a,b", "for one text with a comma"),
        ("train", "data.root=/,/", "these are several values; for a run with each type -m data.root=/,/"),
        ("train", "stages=[]", "takes a list that is not empty"),
        ("generate", f"run={__file__}", "this is a file; name the folder of a run"),
        ("generate", "run=. prompt=.", "this is a folder; name a file to read"),
        ("train", "stage.vq_vae.updates_per_epoch=Dvořák", "takes a whole number from 1, or null"),
        ("train", "stage.vq_vae.transpose=Dvořák", "takes a whole number from 0 to 48, or null"),
        ("generate", "tempo_bpm=0.001", "tempo_bpm takes a number from 4 to 1000"),
        ("train", "windows=6", "type windows.window_quarters=6 or windows.hop_quarters=6"),
        ("train", "quantizer=5", "`quantizer` is a group of settings, chosen by name"),
        ("train", "data=giantmdi", "did you mean data=giantmidi?"),
        ("train", "data=../../x", "chosen by name: chorales, corpus, folder, giantmidi"),
        ("train", "data=null", "chosen by name: chorales"),
        ("train", "noise=null", "did you mean noise=none?"),
        ("train", "quantizer=[ema,fsq]", "for a run with each type -m quantizer=ema,fsq"),
        ("train", "optimizer=adam", "optimizer@optimizer.vq_vae=adam"),
        ("train", "generate={num_piece:2}", "did you mean num_pieces?"),
        ("train", "+trainer.fast_dev_run=true", "a quick try is epochs=1"),
        ("train", "limit_val_batches=1", "data.max_pieces=N"),
        ("train", "+trainer.overfit_batches=1", "data.max_pieces=N"),
        ("train", "+trainer.max_tme=3", "did you mean +trainer.max_time?"),
        ("train", "~epochs", "this cannot be left out"),
        ("train", "name=../../x", "the name of one folder"),
        ("train", "hydra/launcher=jobli -m", "use one of basic"),
        ("train", "hydra.verbos=true", "Could not override 'hydra.verbos'"),
        ("train", "init_from=nowhere", "there is no such folder"),
        ("train", "experiment=published", "init_from is missing"),
        ("train", "data=folder", "data=folder has no folder to read"),
        ("train", "-m transformer.width=interval(1,5)", "list some, or use musicgen search"),
        ("generate", "", "type musicgen generate run=DIR"),
        ("generate", "run=nowhere", "there is no such folder"),
        ("compare", "", "type musicgen compare DIR"),
        ("watch", "", "type musicgen watch DIR"),
        ("import", "", "type musicgen import weights=DIR"),
        ("evaluate", "", "type musicgen evaluate run=DIR"),
        ("baseline", "baseline=markov2", "type run=DIR as well"),
        ("search", "epoch=5,10", "did you mean epochs=5,10?"),
        ("search", "epochs=5,ten", "epochs takes a whole number from 1"),
    ],
)
def test_a_mistake_is_answered_with_what_to_type(verb: str, typed: str, message: str):
    said = refused(verb, *typed.split())
    assert message in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("verb", "typed"),
    [
        ("train", ""),
        ("train", "-m epochs=5,10 quantizer=ema,gradient"),
        ("train", "-m epochs=range(1,4) quantizer=glob(*)"),
        ("train", "sampling.top_k=null trainer.devices=[0,1] logger=csv ~callbacks.pictures"),
        ("train", "+trainer.max_time=5 +callbacks.x={_target_:a.b} +callbacks.y._target_=a.b"),
        ("train", "quantizer.decay=0.5 generate={num_pieces:2} optimizer.vq_vae.lr=0"),
        ("train", "batch_size=12 stages=vq_vae data.composer=[Dvořák] data.title=Étude"),
        ("search", "optimizer.vq_vae.lr=tag(log,interval(1e-4,1e-2)) epochs=5 search=alphabet"),
        ("compare", ". where.epochs=10 better={generated/polyphony:lower}"),
        ("prepare", "-m shard=0/4,1/4"),
        ("classify", "folds=0,1 forest=false"),
    ],
)
def test_what_a_person_means_is_carried_out(verb: str, typed: str):
    assert refused(verb, *typed.split()) == ""


def test_a_missing_package_is_named_with_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert 'pip install "musicgen-lab[wandb]"' in refused("train", "logger=wandb")
    assert 'pip install "musicgen-lab[search]"' in refused("search", "epochs=5,10")
    assert 'pip install "musicgen-lab[baselines]"' in refused("baseline", "baseline=remi")


def is_group(key: str, node: Any) -> bool:
    return isinstance(node, DictConfig) and key not in TABLES and not node._is_interpolation()


def settings(verb: str, *chosen: str) -> list[tuple[str, Any]]:
    nodes = check.nodes(composed_once(verb, chosen))
    return [(key, node) for key, node in nodes if not is_group(key, node)]


def choices(verb: str) -> list[tuple[str, ...]]:
    """List what a verb can be composed of: its defaults, then another file of each group at a time."""
    groups = [str(group) for group in composed_once(verb, ()).hydra.runtime.choices]
    ours = [group for group in groups if not group.startswith("hydra") and group != "output"]
    alone, together = [], []
    for group in ours:
        files = [f"{group}={name}" for name in composition.options_of(group.partition("@")[0])]
        (alone if group == "experiment" else together).append(files)  # an experiment chooses of other groups
    several = [tuple(filter(None, files)) for files in itertools.zip_longest(*together)]
    return [(), *((file,) for files in alone for file in files), *several]


def value_of(typed: str) -> Any:
    value = OmegaConf.create(f"x: {typed}").x if typed != "Étude" else typed
    return OmegaConf.to_container(value) if OmegaConf.is_config(value) else value


@pytest.mark.slow
@pytest.mark.parametrize("verb", VERBS)
def test_every_setting_says_what_it_takes_and_refuses_every_wrong_kind(verb: str):
    """All keys times all wrong kinds, whatever file of a group is chosen: one sentence that names the key."""
    asked: set[tuple[str, str]] = set()
    unknown, quiet = set(), []
    for chosen in choices(verb):
        config = composed_once(verb, chosen)
        check.know_hydra(config)
        for key, node in check.nodes(config):
            has_default = is_group(key, node) or not (node._is_none() or node._is_missing())
            if not has_default and stated_kind(key, verb=verb) is None:
                unknown.add(key)
            if key.split(".")[0] in TABLES:  # whose keys are the user's own
                continue
            default = composition.resolved(config, key)
            names_file = (config_dir() / key).is_dir() and key not in composition._own_settings(verb)
            kind = kind_of(f"{key}.vq_vae" if key in PER_STAGE else key, default, verb=verb)
            if (key, f"{names_file} {kind.words}") in asked:
                continue
            asked.add((key, f"{names_file} {kind.words}"))
            for wrong in WRONG:
                value = value_of(wrong)
                if names_file:
                    is_meant = False
                elif is_group(key, node) and key not in PER_STAGE:
                    is_meant = (bool(stated_kind(key, verb=verb)) and kind.accepts(value)) or is_open(
                        value, default
                    )
                else:
                    is_meant = (
                        kind.accepts(value) or kind.is_text or (kind.takes_list and kind.accepts([value]))
                    )
                said = refused_by(f"{key}={wrong}", config, verb)
                if not is_meant and not (said and key in said and "\n" not in said):
                    quiet.append(f"{' '.join(chosen)} {key}={wrong}: {said or 'accepted'}")
    assert len(asked) > 1
    assert not unknown, f"add a line for each to KINDS in musicgen/config/schema.py: {unknown}"
    assert not quiet, "\n".join(quiet[:20])


def is_open(value: Any, default: Any) -> bool:
    """Return whether a group takes a table with names of its own: what is built from it may take them."""
    return isinstance(value, dict) and isinstance(default, dict) and "_target_" in default


def refused_by(typed: str, config: DictConfig, verb: str) -> str:
    try:
        return said_of(read_command_line([typed], verb=verb), config, verb)
    except UsageError as error:
        return str(error)


@pytest.mark.gate
def test_the_keys_of_every_choice_are_tried():
    found = {key for chosen in choices("train") for key, _ in settings("train", *chosen)}
    assert {"quantizer.levels", "data.download", "transformer.local_width", "trainer.strategy"} <= found
    assert len([file for chosen in choices("train") for file in chosen]) > 50


def said_of(line, config: DictConfig, verb: str) -> str:
    """Check the overrides of a line against a config that is composed already."""
    keys = [key for key, _ in check.nodes(config)]
    try:
        for override in composition.parse(line.overrides):
            if composition.chooses_group(override, verb=verb):
                composition._check_choice(override)
            else:
                check._check_key(override, config, keys, verb=verb)
                check._check_values(override, config, verb=verb)
    except UsageError as error:
        return str(error)
    return ""


def test_what_is_written_in_the_grammar_is_read_back():
    assert written(["it's", 1, None, {"a": True}]) == r"['it\'s',1,null,{a:true}]"
    assert Path(config_dir()).is_dir()
