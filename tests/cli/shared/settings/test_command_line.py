"""What is typed, and what Hydra reads of it: one pass, by table."""

import os
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from musicgen.cli.shared.settings.command_line import read_command_line
from musicgen.cli.shared.settings.usage import UsageError

HERE = os.getcwd()
BOTH = "batch_size={vq_vae:12,transformer:12,renderer:12,style:12}"
READ = [
    ("train", "epochs=5", "epochs=5"),
    ("train", "-m epochs=5,10", "epochs=5,10"),
    ("train", "epochs=5,10 -m", "epochs=5,10"),
    ("train", "batch_size=12", BOTH),
    ("train", BOTH, BOTH),
    (
        "train",
        "-m batch_size=8,12",
        "batch_size={vq_vae:8,transformer:8,renderer:8,style:8},{vq_vae:12,transformer:12,renderer:12,style:12}",
    ),
    ("train", "max_epochs=3", "max_epochs={vq_vae:3,transformer:3,renderer:3,style:3}"),
    ("train", "batch_size.vq_vae=12", "batch_size.vq_vae=12"),
    ("classify", "batch_size=12", "batch_size=12"),
    ("train", "stages=vq_vae", "stages=['vq_vae']"),
    ("train", "stages=vq_vae,transformer", "stages=['vq_vae','transformer']"),
    ("train", "-m stages=vq_vae,transformer", "stages=['vq_vae'],['transformer']"),
    ("generate", "formats=wav", "formats=['wav']"),
    ("generate", "formats=[mid,wav]", "formats=[mid,wav]"),
    ("compare", "group_by=epochs", "group_by=['epochs']"),
    ("train", "data.composer=Chopin", "data.composer=Chopin"),
    ("train", "data.composer=Chopin,Liszt", "data.composer=['Chopin','Liszt']"),
    ("train", "-m data.composer=Chopin,Liszt", "data.composer=Chopin,Liszt"),
    ("train", "data.composer=[Dvořák]", "data.composer=['Dvořák']"),
    ("train", "data.title=Étude", "data.title='Étude'"),
    ("train", "data.title=Don't", r"data.title='Don\'t'"),
    ("train", "data.title=9", "data.title='9'"),
    ("train", "data.title=null", "data.title=null"),
    ("train", "data.root=~/midis", f"data.root='{os.path.expanduser('~/midis')}'"),
    ("train", "data.root=midis", f"data.root='{HERE}/midis'"),
    ("train", "-m data.root=a,../b", f"data.root='{HERE}/a','{os.path.dirname(HERE)}/b'"),
    ("train", f"data.root='{HERE}/midis'", f"data.root='{HERE}/midis'"),
    ("train", "hydra.run.dir=~/x", f"hydra.run.dir='{os.path.expanduser('~/x')}'"),
    ("train", "hydra.run.dir=out", "hydra.run.dir=out"),
    ("train", "hydra.run.dir=a,b=c", "hydra.run.dir='a,b=c'"),
    ("train", "-m hydra.sweep.dir=a,b", "hydra.sweep.dir='a,b'"),
    ("train", "data.root=a,b", f"data.root='{HERE}/a,b'"),
    ("train", "data.root=/,/", "data.root=/,/"),
    ("train", "~callbacks.bar", "~callbacks.bar"),
    ("train", "+trainer.max_time=5", "+trainer.max_time=5"),
    ("train", "optimizer.vq_vae.lr=1e-2", "optimizer.vq_vae.lr=1e-2"),
    ("compare", "a b sort=epochs", "sort=epochs runs=['a','b']"),
    ("compare", "a where.epochs=10", "++where.epochs=10 runs=['a']"),
    ("compare", "a where={seed:0}", "++where={seed:0} runs=['a']"),
    ("compare", "a ++where.epochs=10", "++where.epochs=10 runs=['a']"),
    ("watch", "~/a", f"runs=['{os.path.expanduser('~/a')}']"),
    ("runs", "list a", "action=list runs=['a']"),
    ("runs", "prune a delete=true", "delete=true action=prune runs=['a']"),
    (
        "search",
        "-m worker=0,1 num_trials=5 epochs=5,10 data=folder seed=1 seed=1,2 search=x +a.b=interval(0,1)",
        "worker=0,1 num_trials=5 search=x ++knobs={epochs:'5,10',seed:'1,2',+a.b:'interval(0,1)'} "
        "typed=['data=folder']",
    ),
]


@pytest.mark.parametrize(
    ("verb", "typed", "expected"), READ, ids=[f"{verb} {typed}" for verb, typed, _ in READ]
)
def test_what_is_typed_becomes_what_hydra_reads(verb: str, typed: str, expected: str):
    line = read_command_line(typed.split(), verb=verb)
    assert " ".join(line.overrides) == expected
    assert line.is_sweep == ("-m" in typed.split())
    sweep = ["-m"] if line.is_sweep else []
    again = read_command_line([*line.overrides, *sweep], verb=verb) if verb != "search" else line
    assert again.overrides == line.overrides  # ranks of a run read the line a second time


@pytest.mark.parametrize(
    "argument", ["epochs=5", "Chopin, Nocturnes, Op.9.mid", "it's (a) {test} [1] \\ x", "a b"]
)
def test_any_path_that_is_there_can_be_typed_as_it_is(tmp_path: Path, argument: str):
    path = tmp_path / argument
    path.mkdir()
    [text] = read_command_line([f"run={path}"], verb="generate").overrides
    [override] = OverridesParser.create().parse_overrides([text])
    assert override.value() == str(path)
    assert read_command_line([str(path)], verb="compare").overrides[0].startswith("runs=[")


@pytest.mark.parametrize(
    ("verb", "typed", "message"),
    [
        ("train", "hydra.output_subdir=null", "finds the settings of a run in .hydra"),
        ("generate", "run5", "musicgen generate run=run5"),
        ("train", "run5", "settings are typed as key=value"),
        ("train", ".", "to go on with a run, resume=."),
        ("train", "--epochs=5", "epochs=5"),
        ("train", "--multrun", "did you mean --multirun?"),
        ("train", "=5", "the setting has no name"),
        ("train", "resume=nowhere", "resume=nowhere: it holds neither multirun.yaml nor"),
        ("runs", "lst outputs", "did you mean musicgen runs list outputs?"),
        ("train", "--config-dir=nowhere", "there is no such folder"),
        ("train", "5=3", "cannot be read"),
    ],
)
def test_what_can_mean_nothing_is_answered_with_what_to_type(verb: str, typed: str, message: str):
    with pytest.raises(UsageError) as raised:
        read_command_line(typed.split(), verb=verb)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_what_hydra_is_asked_to_show_is_left_to_it():
    line = read_command_line(["--cfg", "job", "epochs=5", "--resolve"], verb="train")
    assert (line.options, line.overrides) == (("--cfg", "job", "--resolve"), ("epochs=5",))
