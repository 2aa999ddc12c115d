"""The whole study on small pieces: it runs, is not run twice, and its page says what was and was not done."""

import csv
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from reproduction.budgets import BUDGETS
from reproduction.jobs import ARMS, CURVE, FRESH_ARMS, Inputs, Job, all_jobs
from reproduction.runner import run_job

from musicgen.files.locks import lock
from musicgen.models.autoencoder import Autoencoder
from musicgen.models.bottlenecks.vq import VectorQuantizer
from musicgen.models.priors.transformer import Transformer
from tests.compat.published import published

ROOT = Path(__file__).resolve().parents[2]


def study(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Call the recipe as a user does; it must end well."""
    done = subprocess.run(
        [
            sys.executable,
            str(ROOT / "scripts" / "reproduce_epochs.py"),
            "budget=tiny",
            "processes=1",
            *arguments,
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done


def inputs(weights: Path | None, folder: Path) -> Inputs:
    return Inputs(data=("data=corpus",), weights=weights, students=None, runs=folder)


def test_jobs_are_for_all_arms_and_seeds_and_the_most_telling_come_first(tmp_path: Path):
    jobs = all_jobs(inputs(tmp_path, tmp_path), BUDGETS["full"], num_slices=3819)
    assert {job.arm for job in jobs} == {"bachsformer", CURVE, *ARMS}
    assert {job.epochs for job in jobs if job.arm == CURVE} == {1, 2, 5, 10, 20, 50}
    for epochs in (5, 10):
        assert sum(job.arm == CURVE and job.epochs == epochs for job in jobs) >= 5
    assert [job.epochs for job in jobs[1:5]] == [5, 10, 5, 10]
    assert len({job.folder for job in jobs}) == len(jobs)
    [updates] = {one for job in jobs if job.arm == "published" for one in job.arguments if "updates" in one}
    assert updates == "updates_per_epoch.vq_vae=3819"
    for number, job in enumerate(jobs):
        assert job.needs is None or job.needs in {one.folder for one in jobs[:number]}


def test_without_weights_only_the_arms_that_start_afresh_are_left(tmp_path: Path):
    jobs = all_jobs(inputs(None, tmp_path), BUDGETS["small"], num_slices=100)
    assert {job.arm for job in jobs} == {CURVE, *FRESH_ARMS}


def finish(job: Job, *, epochs: int = 5) -> None:
    """Leave what a finished training of so many epochs leaves."""
    (job.folder / ".hydra").mkdir(parents=True, exist_ok=True)
    (job.folder / "metrics.json").write_text("{}")
    lines = "\n".join(f"- {argument}" for argument in job.arguments[1:])
    (job.folder / ".hydra" / "overrides.yaml").write_text(lines.replace("epochs=5", f"epochs={epochs}"))


def test_a_job_is_done_only_with_its_own_settings(tmp_path: Path):
    job = all_jobs(inputs(None, tmp_path), BUDGETS["tiny"], num_slices=100)[0]
    assert not job.is_done
    finish(job)
    assert job.is_done
    finish(job, epochs=6)
    assert not job.is_done


def test_a_job_that_another_process_is_at_is_waited_for_and_not_run_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    job = all_jobs(inputs(None, tmp_path), BUDGETS["tiny"], num_slices=100)[0]
    monkeypatch.setattr("musicgen.__main__.main", lambda: pytest.fail("it was run again"))
    with ThreadPoolExecutor() as threads:
        with lock(job.folder.with_name(f"{job.folder.name}.lock")):
            ours = threads.submit(run_job, job)
            while "waiting" not in capsys.readouterr().out:
                assert not ours.done()
            finish(job)
        assert ours.result(timeout=10) == 0
    assert job.is_done


@pytest.mark.parametrize(
    ("argument", "said"), [("budge=small", "use any of budget"), ("budget=huge", "use one of")]
)
def test_a_mistake_is_told_in_a_line(argument: str, said: str, monkeypatch: pytest.MonkeyPatch):
    from reproduce_epochs import read_settings

    with pytest.raises(ValueError, match=said):
        read_settings([argument])


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give fresh weights of Bachsformer's shapes under its names."""
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    autoencoder = Autoencoder(VectorQuantizer())
    autoencoder((torch.rand(16, 1, 88, 32) < 0.1).float())
    prior = Transformer(max_positions=191, start_token=False)
    torch.save(published(autoencoder), folder / "vq_vae.pt")
    torch.save(published(prior), folder / "transformer.pt")
    return folder


@pytest.mark.long
def test_the_tiny_study_makes_the_whole_page_and_does_nothing_twice(
    weights: Path, midi_folder: Path, tmp_path: Path
):
    arguments = [
        f"folder={midi_folder}",
        f"weights={weights}",
        f"students={_students(midi_folder, tmp_path)}",
    ]
    first = study(tmp_path, *arguments)
    jobs = len(re.findall(" done: ", first.stdout))
    assert f"0 of {jobs} runs are done" in first.stdout
    assert re.search(r"\d+ runs to go: about \d+ minutes", first.stdout)

    page = (tmp_path / "docs" / "reproduction.md").read_text()
    assert f"| runs | {jobs} of {jobs} |" in page
    assert str(tmp_path) not in page
    for part in ("sentences", "More epochs", "To look at", "What each defect costs"):
        assert part in page
    for label in ARMS.values():
        assert label in page or label == "sampling without seams"
    verdicts = re.findall(r"\*\*(borne out|not borne out|not decidable)\*\*", page)
    claims = list(csv.DictReader((tmp_path / "docs" / "reproduction" / "claims.csv").open()))
    assert [row["verdict"] for row in claims] == verdicts
    runs = list(csv.DictReader((tmp_path / "docs" / "reproduction" / "runs.csv").open()))
    assert len(runs) == jobs
    assert all(row["command"].startswith("python -m musicgen ") and "RUNS" in row["command"] for row in runs)
    pictures = {path.name for path in (tmp_path / "docs" / "reproduction").glob("*.png")}
    assert pictures == {"curves.png", "rolls.png", "rolls_report.png"}

    again = study(tmp_path, *arguments)
    assert f"{jobs} of {jobs} runs are done, 0 to go" in again.stdout
    assert " done: " not in again.stdout
    assert (tmp_path / "docs" / "reproduction.md").read_text() == page


def _students(midi_folder: Path, folder: Path) -> Path:
    """Give two pieces under the names of the report's."""
    students = folder / "students"
    students.mkdir()
    for name, piece in zip(
        ("chopin_noc_5.mid", "chopin_noc_10.mid"), midi_folder.glob("*.mid"), strict=False
    ):
        (students / name).write_bytes(piece.read_bytes())
    return students
