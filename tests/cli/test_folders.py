"""Whose a folder is, through whole commands: what is refused leaves everything as it was."""

import json
import shutil
from pathlib import Path

import pytest

from tests.command import Musicgen


def contents(folder: Path) -> dict[str, bytes]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture
def run(tiny_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_run, tmp_path / "r"))


def test_a_finished_run_is_left_as_it_was(run: Path, tiny: list[str], musicgen: Musicgen):
    before = contents(run)
    for line in (
        ["train", *tiny, "epochs=50", "vq_vae.num_hiddens=16", "hydra.run.dir=r"],
        ["train", *tiny, "epochs=50", "ckpt_path=last", "hydra.run.dir=r"],
        ["train", "-m", *tiny, "seed=1,2", "hydra.sweep.dir=r"],
        ["generate", "run=r", "hydra.run.dir=r"],
        ["evaluate", "run=r", "hydra.run.dir=r"],
        ["prepare", *tiny[:3], "hydra.run.dir=r"],
    ):
        done = musicgen(*line, fails=True)
        assert done.returncode == 2
        assert len(done.stderr.strip().splitlines()) == 1
        assert contents(run) == before
    assert "r is done" in musicgen("train", "resume=r").stdout
    assert contents(run) == before
    assert {path.name for path in run.parent.iterdir()} == {"r"}


def test_a_refused_line_leaves_no_folder(musicgen: Musicgen):
    for line in (
        "train epoch=5",
        "train epochs=five",
        "generate",
        "compare",
        "watch",
        "train resume=nowhere",
    ):
        done = musicgen(*line.split(), fails=True)
        assert done.returncode == 2
        assert len(done.stderr.strip().splitlines()) == 1
    assert not list(musicgen.folder.iterdir())


@pytest.mark.gate
def test_an_experiment_that_is_a_sweep_runs_as_one(tiny: list[str], musicgen: Musicgen):
    made = musicgen("train", "experiment=epochs_5_vs_10", *tiny, "stages=[]", "epochs=1,2", fails=True)
    assert "-m epochs=1,2" in made.stderr
    done = musicgen("train", "experiment=epochs_5_vs_10", *tiny[:5], *tiny[6:], "stages=[vq_vae]")
    assert "sweeps over epochs=5,10" in done.stdout
    [sweep] = (musicgen.folder / "outputs" / "epochs_5_vs_10").iterdir()
    jobs = {path.name for path in sweep.iterdir() if path.is_dir()}
    jobs &= {"epochs=5", "epochs=10"}
    assert len(jobs) == 2
    states = [
        json.loads((sweep / job / "status.json").read_text())["state"] for job in ("epochs=5", "epochs=10")
    ]
    assert states == ["done", "done"]
