"""What a sweep says of itself while it runs."""

import io
import json
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from rich.console import Console

from musicgen.pipeline.status import StatusFile, running
from musicgen.sweeps.jobs_progress import duration, read_progress
from musicgen.sweeps.plan.jobs import differing, job_overrides
from musicgen.sweeps.watch import progress_table, summary

BASIC = "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """Give a sweep of four jobs: one done, one that was killed, one at work (by the test), one not begun."""
    hydra = {
        "overrides": {"task": ["seed=0,1,2,3", "epochs=4"]},
        "sweeper": {"_target_": BASIC, "params": None},
    }
    OmegaConf.save({"hydra": hydra}, tmp_path / "multirun.yaml")
    for name in ("seed=0", "seed=1"):
        (tmp_path / name).mkdir()
    with running(tmp_path / "seed=0") as status:
        status.finish_stage("transformer", seconds=60)
        status.update(taken={"vq_vae": "elsewhere"})
        status.add_metrics({"vq_vae/val/bce": 0.0123456})
    StatusFile(tmp_path / "seed=1").update(stage="vq_vae")
    (tmp_path / "seed=2").mkdir()
    return tmp_path


def test_every_job_is_told_by_what_its_folder_and_its_lock_say(sweep: Path):
    with running(sweep / "seed=2") as status:
        status.update(
            stages=("vq_vae", "transformer"),
            stage="vq_vae",
            title="VQ-VAE",
            epoch=1,
            max_epochs=4,
            seconds_left=100.0,
        )
        progress = read_progress([sweep])
        assert [(job.name, job.state) for job in progress.jobs] == [
            ("seed=0", "done"),
            ("seed=1", "killed"),
            ("seed=2", "running"),
        ]
        assert progress.not_started == 1
        assert not progress.is_over
        assert progress.jobs[2].seconds_left == pytest.approx(160, abs=5)  # and a transformer, as the other's
        assert summary(progress) == "1 done, 1 running, 1 killed, 1 not started, 1 stage(s) reused"


def test_what_a_search_gave_up_is_pruned_and_over(tmp_path: Path):
    for name, error in (("0000", ValueError), ("0001", RuntimeError)):
        (tmp_path / name).mkdir()
        with pytest.raises(error), running(tmp_path / name, gives_up=(ValueError,)):
            raise error("after epoch 3")
    progress = read_progress([tmp_path])
    assert progress.is_over
    assert summary(progress) == "1 failed, 1 pruned"


def test_the_table_shows_metrics_and_epochs(sweep: Path):
    said = drawn(sweep, width=120)
    assert "0.01235" in said
    assert "VQ-VAE 1/4" in said
    assert "nats/code" in said


def test_eighty_columns_have_room_for_all_that_is_looked_for(sweep: Path):
    long = sweep / "quantizer.num_embeddings=16,transformer.width=128"
    long.mkdir()
    with running(long) as status:
        status.update(stage="transformer", title="Transformer", epoch=10, max_epochs=10, seconds_left=7600.0)
        status.add_metrics({"vq_vae/val/bce": 0.123456, "vq_vae/val/perplexity": 123.456})
        head, *lines = drawn(sweep, width=80).splitlines()
    assert head.split() == ["job", "state", "stage", "BCE", "perplexity", "left"]
    (line,) = (line for line in lines if line.startswith("quantizer"))
    assert line.split()[1:] == ["running", "Transformer", "10/10", "0.1235", "123.5", "2", "h", "07"]
    assert not [line for line in lines if len(line.rstrip()) > 80]


def drawn(sweep: Path, *, width: int) -> str:
    """Draw the table while a job is at work."""
    console = Console(width=width, record=True, file=io.StringIO())
    with running(sweep / "seed=2") as status:
        status.update(stages=("vq_vae", "transformer"), stage="vq_vae", title="VQ-VAE", epoch=1, max_epochs=4)
        console.print(progress_table(read_progress([sweep]), width=width))
    return console.export_text()


def test_a_status_that_is_half_written_is_passed_over(sweep: Path):
    (sweep / "seed=1" / "status.json").write_text(json.dumps({"state": "running"})[:5])
    assert [job.name for job in read_progress([sweep]).jobs] == ["seed=0"]


def test_the_jobs_of_a_sweep_are_known_beforehand():
    task = ["seed=0,1", "epochs=4", "quantizer=ema,gradient"]
    hydra = OmegaConf.create({"overrides": {"task": task}, "sweeper": {"_target_": BASIC, "params": None}})
    jobs = job_overrides(hydra)
    assert len(jobs) == 4
    assert differing(jobs)[0] == ["seed=0", "quantizer=ema"]


def test_a_typed_value_takes_the_place_of_the_experiments():
    sweeper = {"_target_": BASIC, "params": {"epochs": "5,10"}}
    for typed, expected in (("epochs=1,2", ["epochs=1", "epochs=2"]), ("epochs=3", ["epochs=3"])):
        hydra = OmegaConf.create({"overrides": {"task": ["seed=0", typed]}, "sweeper": sweeper})
        jobs = job_overrides(hydra)
        assert [line for job in jobs for line in job if line != "seed=0"] == expected


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "–"), (40.2, "40 s"), (600, "10 min"), (7500, "2 h 05")]
)
def test_durations_are_written_as_people_do(seconds: float | None, text: str):
    assert duration(seconds) == text


def test_jobs_are_named_without_the_folders_that_they_share(tmp_path: Path):
    for name in ("a/2026-11-29/seed=0", "a/2026-11-29/seed=1"):
        StatusFile(tmp_path / name).update(stage="vq_vae")
    assert [job.name for job in read_progress([tmp_path]).jobs] == ["seed=0", "seed=1"]
    StatusFile(tmp_path / "a/2026-11-30/seed=0").update(stage="vq_vae")
    assert [job.name for job in read_progress([tmp_path]).jobs] == [
        "2026-11-29/seed=0",
        "2026-11-29/seed=1",
        "2026-11-30/seed=0",
    ]
