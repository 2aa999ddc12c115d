"""Going on: the command line that a folder was started with, and what is left as it is."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from musicgen.pipeline.status import StatusFile, read_status, running
from musicgen.sweeps.resume import resume_command, should_resume, why_finished


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    folder = tmp_path / "my sweep"
    folder.mkdir()
    overrides = {
        "hydra": ["hydra.mode=MULTIRUN", "hydra/launcher=joblib", "hydra.sweep.dir=old"],
        "task": ["epochs=5,10", "data.root='/a, b'", "threads=1", "resume=old"],
    }
    OmegaConf.save({"hydra": {"overrides": overrides}}, folder / "multirun.yaml")
    return folder


def test_a_sweep_goes_on_with_its_own_settings_where_it_is_now(sweep: Path):
    assert resume_command([f"resume={sweep}"]) == [
        "-m",
        f"hydra.sweep.dir='{sweep}'",
        "hydra/launcher=joblib",
        "epochs=5,10",
        "data.root='/a, b'",
        "threads=1",
        f"resume='{sweep}'",
    ]


def test_a_sweep_whose_jobs_have_numbers_for_names_goes_on(tmp_path: Path):
    numbered = "hydra.sweep.subdir=${hydra.job.num}"  # where settings are too long for a folder's name
    content = {"hydra": {"overrides": {"hydra": [numbered], "task": ["epochs=5,10"]}, "job": {"num": "???"}}}
    OmegaConf.save(content, tmp_path / "multirun.yaml")
    assert resume_command([f"resume={tmp_path}"])[2:4] == [numbered, "epochs=5,10"]


def test_where_it_runs_may_change(sweep: Path):
    line = resume_command([f"resume={sweep}", "-m", "threads=2", "hydra/launcher=basic", "retry_failed=true"])
    assert {"threads=2", "hydra/launcher=basic", "retry_failed=true"} <= set(line)
    assert not {"threads=1", "hydra/launcher=joblib"} & set(line)


def test_what_is_asked_for_may_not_change(sweep: Path):
    with pytest.raises(ValueError, match="epochs=20 would change them"):
        resume_command([f"resume={sweep}", "epochs=20"])


def test_a_folder_without_a_run_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match=r"neither multirun\.yaml nor"):
        resume_command([f"resume={tmp_path}"])


def test_a_job_of_a_sweep_goes_on_alone(tmp_path: Path):
    overrides = {
        "hydra": ["hydra.mode=MULTIRUN", "hydra/launcher=joblib", "hydra.sweep.dir=old"],
        "task": ["epochs=5"],
    }
    (tmp_path / ".hydra").mkdir()
    OmegaConf.save({"hydra": {"overrides": overrides}}, tmp_path / ".hydra" / "hydra.yaml")
    assert resume_command([f"resume={tmp_path}"]) == [
        f"hydra.run.dir='{tmp_path}'",
        "epochs=5",
        f"resume='{tmp_path}'",
    ]


@pytest.mark.parametrize("line", [["epochs=5"], ["-m", "epochs=5,10"], ["resume=null"]])
def test_the_rest_stays(line: list[str]):
    assert resume_command(line) == line


def config(folder: Path, *, retry: bool = False):
    return OmegaConf.create({"run_dir": str(folder), "resume": "x", "retry_failed": retry, "ckpt_path": None})


def test_done_jobs_are_settled_and_failed_ones_until_they_are_to_be_tried_again(tmp_path: Path):
    assert not why_finished(config(tmp_path), tmp_path)
    with pytest.raises(OSError, match="disk"), running(tmp_path):
        raise OSError("no disk")
    assert why_finished(config(tmp_path), tmp_path)
    assert not why_finished(config(tmp_path, retry=True), tmp_path)
    with running(tmp_path):
        assert not why_finished(config(tmp_path), tmp_path)  # someone is at work there
    assert why_finished(config(tmp_path), tmp_path)


def test_what_a_search_gave_up_is_pruned_and_left(tmp_path: Path):
    with pytest.raises(KeyError), running(tmp_path, gives_up=(KeyError,)):
        raise KeyError("no hope")
    status = read_status(tmp_path)
    assert (status.state, status.reason) == ("pruned", "'no hope'")
    assert why_finished(config(tmp_path), tmp_path)
    assert not why_finished(config(tmp_path, retry=True), tmp_path)


def test_a_failed_run_that_is_named_itself_is_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(OSError, match="disk"), running(tmp_path / "run"):
        raise OSError("no disk")
    named = config(tmp_path / "run")
    for place, name in ((tmp_path, "run"), (tmp_path / "run", "."), (tmp_path, str(tmp_path / "run"))):
        monkeypatch.chdir(place)
        of_sweep, itself = (OmegaConf.merge(named, {"resume": str(one)}) for one in (tmp_path, name))
        assert "retry_failed=true" in why_finished(of_sweep, tmp_path / "run")
        assert not why_finished(itself, tmp_path / "run")


def test_killed_jobs_are_not_settled(tmp_path: Path):
    StatusFile(tmp_path).update(state="running", stage="vq_vae")
    assert not why_finished(config(tmp_path), tmp_path)


def test_a_run_goes_on_when_its_user_or_slurm_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    fresh = OmegaConf.create({"resume": None, "ckpt_path": None})
    monkeypatch.delenv("SLURM_RESTART_COUNT", raising=False)
    assert not should_resume(fresh)
    assert should_resume(OmegaConf.create({"resume": None, "ckpt_path": "last"}))
    assert should_resume(config(tmp_path))
    for restarts, expected in (("0", False), ("1", True)):
        monkeypatch.setenv("SLURM_RESTART_COUNT", restarts)
        assert should_resume(fresh) == expected
