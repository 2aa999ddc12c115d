"""The verb as its user has it: trials are ordinary runs, the study goes on, hopeless runs end early."""

from pathlib import Path

import optuna
import pytest
import yaml

from musicgen.pipeline.status import read_status
from musicgen.reports.runs.runs import load_runs

pytestmark = pytest.mark.slow


def study_in(folder: Path) -> optuna.Study:
    return optuna.load_study(study_name=folder.name, storage=f"sqlite:///{folder / 'study.db'}")


@pytest.mark.long
def test_trials_are_ordinary_runs_and_the_study_goes_on(musicgen, tiny):
    knobs = ["vq_vae.num_residual_hiddens=2,4,6", "optimizer.vq_vae.lr=tag(log,interval(1e-4,1e-2))"]
    metrics = "metrics=[val/bits_per_quarter,model/parameters]"
    musicgen("search", *tiny, *knobs, metrics, "study=small", "num_trials=1")
    done = musicgen("search", *tiny, *knobs, metrics, "study=small", "num_trials=2")
    folder = musicgen.folder / "outputs" / "search" / "small"
    trials = study_in(folder).trials
    assert [trial.state.name for trial in trials] == ["COMPLETE", "COMPLETE"]
    runs = load_runs(folder)
    assert [run.folder.name for run in runs] == [trial.user_attrs["folder"] for trial in trials]
    for run, trial in zip(runs, trials, strict=True):
        assert run.status == "done"
        assert (
            str(run.config["vq_vae"]["num_residual_hiddens"]) == trial.params["vq_vae.num_residual_hiddens"]
        )
        assert run.config["optimizer"]["vq_vae"]["lr"] == trial.params["optimizer.vq_vae.lr"]
        assert trial.values == [run.metrics["val/bits_per_quarter"], run.metrics["model/parameters"]]
        hydra = yaml.safe_load((run.folder / ".hydra" / "hydra.yaml").read_text())["hydra"]
        assert (hydra["job"]["config_name"], hydra["mode"]) == ("train", "RUN")
        assert not any("musicgen.search" in line for line in run.overrides)
        assert "Wrote 2 pieces" in (run.folder / "train.log").read_text()
    assert "Trial 1" in (folder / "search.log").read_text()
    assert {path.suffix for path in folder.glob("comparison*")} == {".csv", ".md", ".html", ".png"}
    assert "Pareto front of val/bits_per_quarter and model/parameters: trial" in done.stdout


@pytest.mark.gate
def test_a_hopeless_run_ends_in_its_first_epoch_and_is_told_as_pruned(musicgen, tiny):
    threshold = ["pruner._target_=optuna.pruners.ThresholdPruner", "+pruner.upper=1"]
    threshold += ["~pruner.n_startup_trials", "~pruner.n_warmup_steps"]
    done = musicgen("search", *tiny, "seed=1,2", "num_trials=1", "epochs=50", *threshold)
    (run,) = load_runs(musicgen.folder / "outputs")
    assert run.status == "pruned"
    assert run.reason.startswith("val/bits_per_quarter was")
    assert run.reason.endswith("after epoch 1 of vq_vae")
    status = read_status(run.folder)
    assert (status.state, status.reason) == ("pruned", run.reason)
    assert "1 pruned" in done.stdout
    assert "1 of 1 runs were pruned by the search" in done.stdout


def test_mistakes_show_before_anything_is_trained(musicgen, tiny):
    for arguments, message in [
        ((), "the search space is empty"),
        (("vq_vae.num_hidden=8,16",), "num_hidden"),
        (
            ("epochs=1,2", "metrics=[baseline/pitch/bce]"),
            "the better direction of baseline/pitch/bce is unknown",
        ),
    ]:
        done = musicgen("search", *tiny, *arguments, fails=True)
        assert message in done.stdout + done.stderr
        assert not (musicgen.folder / "outputs" / "search" / "search" / "trials").exists()
