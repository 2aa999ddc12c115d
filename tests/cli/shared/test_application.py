"""The command line: what it is told, and what it says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from musicgen.cli.shared.application import launch
from musicgen.cli.shared.settings.refusal import BUG
from tests.command import ENVIRONMENT

ROOT = Path(__file__).resolve().parents[3]


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

    def ends(*_):
        raise TerminatedWorkerError

    monkeypatch.setattr("musicgen.cli.shared.application._run", ends)
    monkeypatch.setattr(sys, "argv", ["musicgen", "prepare"])
    with pytest.raises(SystemExit):
        launch(lambda config: None, verb="prepare")
    assert "give the same command again" in capsys.readouterr().err


def test_garbage_is_collected_while_the_work_is_done(tmp_path):
    code = (
        "import gc, sys; from musicgen.cli.shared.application import launch; from musicgen import __main__;"
    )
    code += "__main__._run_verb = lambda: launch(lambda config: print(gc.isenabled()), verb='prepare');"
    code += f"sys.argv = ['musicgen', 'prepare', 'hydra.run.dir={tmp_path}/a']; __main__.main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1:] == ["True"], done.stderr


def test_an_unknown_verb_is_answered_with_the_known_ones(musicgen):
    assert "use one of prepare, train" in musicgen("trian", fails=True).stderr


def test_a_verb_shows_its_settings(musicgen):
    assert "max_epochs" in musicgen("train", "--cfg", "job").stdout


def test_watching_and_keeping_order_need_no_networks():
    rooms = (
        "musicgen.sweeps.watch, musicgen.sweeps.housekeeping, musicgen.sweeps.announce, "
        "musicgen.sweeps.plan.workers"
    )
    code = f"import sys, {rooms}, musicgen.reports.compare.compare\n"
    code += "print([name for name in ('torch', 'scipy', 'matplotlib') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.skipif(os.name == "nt", reason="Windows lets nobody remove the folder of a process")
def test_a_folder_that_is_gone_is_named(tmp_path: Path):
    script = f"mkdir gone; cd gone; rmdir ../gone; exec {sys.executable} -m musicgen runs list {tmp_path}"
    environment = {**os.environ, **ENVIRONMENT}
    done = subprocess.run(["sh", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.endswith("the folder of this terminal is not there any more; cd to another\n")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "line",
    [
        ["train", f"init_from={'a' * 300}"],
        ["train", f"stage.vq_vae.init_from={'a' * 300}"],
        ["train", "data=folder", f"data.root={'a' * 300}"],
        ["generate", f"run={'a' * 300}"],
        ["prepare", "data.source={_target_:{a:1}}"],
        ["train", "stage.evaluate={_target_:{a:1}}"],
        ["train", "sampling._target_=${seed}"],
        ["train", "optimizer.vq_vae._partial_=${seed}"],
        ["train", "-m", "scheduler.vq_vae.warmup=glob(*)"],
        ["train", "epochs=1\n2"],
        ["train", "hydra.searchpath=nowhere"],
        ["train", "++hydra.sweeper=true"],
        ["train", "stage.renderer.network={a:1}"],
        ["train", "hydra.launcher=null"],
        ["search"],
        ["search", "hydra.sweep.dir=s", "epochs=1,2"],
        ["search", "storage=nonsense", "epochs=1,2"],
        ["search", "epochs=1,2", "sampler._target_=optuna.samplers.Nope"],
        ["search", "epochs=1,2", "+sampler.nope=1"],
        ["generat", "run=r"],
        ["prepare", "--cfg"],
        ["prepare", "--cfg", "jobs"],
        ["prepare", "--cfg", "job", "--package", "nope"],
        ["prepare", "--resolve"],
        ["import", "weights=."],
        ["style", "composer=Bach", "against=Bach"],
        ["train", "hydra.sweep.dir=s"],
        ["train", "-m", "hydra.run.dir=s", "epochs=1,2"],
    ],
    ids=" ".join,
)
def test_nothing_is_written_before_a_refusal_of_one_sentence(musicgen, line: list[str]):
    done = musicgen(*line, fails=True)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert BUG not in done.stderr
    assert not list(musicgen.folder.iterdir())


@pytest.mark.skipif(os.name == "nt", reason="its homes have another variable")
def test_a_home_in_a_variable_that_names_a_folder_is_found(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MUSICGEN_CACHE", "~/cache")
    monkeypatch.setattr(sys, "argv", ["musicgen", "prepare", "hydra.run.dir=out"])
    launch(lambda config: print(config.data.cache_dir), verb="prepare")
    assert capsys.readouterr().out.splitlines()[0] == str(tmp_path / "home" / "cache")
    assert {path.name for path in tmp_path.iterdir()} == {"out"}


def test_a_bug_before_the_first_write_is_one_sentence_and_a_traceback_on_request(monkeypatch, capsys):
    def planned(*_, **__):
        raise KeyError("ours")

    monkeypatch.setattr("musicgen.cli.shared.application.planned", planned)
    monkeypatch.setattr(sys, "argv", ["musicgen", "prepare"])
    for asked in (False, True):
        monkeypatch.setenv("HYDRA_FULL_ERROR", str(int(asked)))
        with pytest.raises(SystemExit, match="2"):
            launch(lambda config: None, verb="prepare")
        said = capsys.readouterr().err
        assert BUG in said
        assert ("Traceback" in said) == asked


def test_a_bug_of_the_work_is_one_sentence_and_a_file(tmp_path: Path, monkeypatch, capsys):
    def work(config):
        raise KeyError("ours")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["musicgen", "prepare", "hydra.run.dir=out"])
    with pytest.raises(SystemExit, match="1"):
        launch(work, verb="prepare")
    said = capsys.readouterr()
    assert BUG in said.out + said.err
    assert "Traceback" not in said.out + said.err
    assert "KeyError: 'ours'" in (tmp_path / "out" / "error.txt").read_text()
