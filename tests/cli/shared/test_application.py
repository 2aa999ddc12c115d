"""The command line: what it is told, and what it says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from musicgen.cli.shared.application import launch
from musicgen.cli.shared.quoting import added_to_table, quoted_path

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    "name", ["epochs=5", "Chopin, Frédéric, Nocturnes, Op.9.mid", "it's (a) {test} [1] \\ x", "a b"]
)
def test_any_path_that_is_there_can_be_given_as_it_is(tmp_path: Path, name: str):
    path = tmp_path / name
    path.mkdir()
    [override] = OverridesParser.create().parse_overrides([quoted_path(f"run={path}")])
    assert override.value() == str(path)


@pytest.mark.parametrize(
    "argument", ["where.epochs=10", "where={seed:0}", "better={a/b:lower}", "knobs={a.b:'1,2'}"]
)
def test_tables_take_any_key(argument: str):
    [override] = OverridesParser.create().parse_overrides([added_to_table(argument)])
    assert override.is_force_add()
    assert added_to_table(added_to_table(argument)) == added_to_table(argument)
    assert added_to_table("whereabouts=1") == "whereabouts=1"


@pytest.mark.parametrize(
    "argument", ["epochs=5,10", "-m", "data.composer=[Chopin]", "~data.source", "run='a=b'"]
)
def test_what_is_no_path_stays(argument: str):
    assert quoted_path(argument) == argument


def test_help_names_every_verb(musicgen):
    said = musicgen("--help").stdout
    for verb in ("prepare", "train", "generate", "evaluate", "compare", "import"):
        assert verb in said


def test_help_waits_for_no_heavy_import():
    code = "import sys; sys.argv = ['musicgen', '--help']; from musicgen.__main__ import main; main();"
    code += "print([name for name in ('torch', 'hydra', 'numpy', 'music21') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_reader_that_has_enough_is_not_answered_with_a_traceback():
    reading, writing = os.pipe()
    os.close(reading)  # as `head` does after its last line
    called = [sys.executable, "-m", "musicgen", "--help"]
    done = subprocess.run(called, stdout=writing, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    os.close(writing)
    assert done.stderr == ""


def test_a_killed_worker_of_a_launcher_is_told_with_what_to_do(monkeypatch, capsys):
    class TerminatedWorkerError(Exception):
        pass

    def ends_as_hydra_does():
        try:
            raise TerminatedWorkerError
        except TerminatedWorkerError:
            sys.exit(1)

    monkeypatch.setattr("hydra.main", lambda **_: lambda _: ends_as_hydra_does)
    monkeypatch.setattr(sys, "argv", ["musicgen", "prepare"])
    with pytest.raises(SystemExit):
        launch(lambda config: None, verb="prepare")
    assert "give the same command again" in capsys.readouterr().err


def test_an_unknown_verb_is_answered_with_the_known_ones(musicgen):
    assert "use one of prepare, train" in musicgen("trian", fails=True).stderr


def test_a_mistyped_setting_gets_hydras_suggestion(musicgen):
    said = musicgen("train", "epoch=5", fails=True).stderr
    assert "Could not override 'epoch'" in said


def test_a_verb_shows_its_settings(musicgen):
    assert "max_epochs" in musicgen("train", "--cfg", "job").stdout
    assert "== Config ==" in musicgen("prepare", "--help").stdout


def test_watching_and_keeping_order_need_no_networks():
    rooms = (
        "musicgen.sweeps.watch, musicgen.sweeps.housekeeping, musicgen.sweeps.announce, "
        "musicgen.sweeps.plan.workers"
    )
    code = f"import sys, {rooms}, musicgen.reports.compare.compare\n"
    code += "print([name for name in ('torch', 'scipy', 'matplotlib') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
