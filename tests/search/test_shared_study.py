"""Several processes on one study: SQLite's lock, PostgreSQL, and a worker that is killed."""

import multiprocessing
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from musicgen.search.objectives import read_objectives
from musicgen.search.space import read_space
from musicgen.search.study import open_storage, open_study, without_password
from musicgen.search.trials import Worker
from tests.search.conftest import KNOBS, squares
from tests.search.postgres import postgres_server

pytestmark = pytest.mark.slow
optuna.logging.set_verbosity(optuna.logging.ERROR)

FORK = multiprocessing.get_context("fork")  # a warm process: starting one costs seconds


def work(storage: str, folder: Path, num_trials: int, pause_s: float) -> None:
    """Be one worker, as a process of its own."""

    def train(run: Path, values: list[str], watchers: list) -> dict[str, float]:
        (run / "here.txt").write_text("")
        time.sleep(pause_s)
        return squares(run, values, watchers)

    objectives = read_objectives(["val/bce"])
    study = open_study("bowl", storage=storage, objectives=objectives)
    Worker(study, space=read_space(KNOBS), objectives=objectives, folder=folder, train=train).work(num_trials)


def start_worker(storage: str, folder: Path, num_trials: int, *, pause_s: float = 0.0) -> BaseProcess:
    process = FORK.Process(target=work, args=(storage, folder, num_trials, pause_s))
    process.start()
    return process


def share(storage: str, folder: Path) -> list[optuna.trial.FrozenTrial]:
    """Let three workers run twelve trials, and give what the study holds."""
    workers = [start_worker(storage, folder, 12, pause_s=0.2) for _ in range(3)]
    for worker in workers:
        worker.join(timeout=120)
        assert worker.exitcode == 0
    return optuna.load_study(study_name="bowl", storage=open_storage(storage, heartbeat_s=30)).trials


def assert_shared(trials: list[optuna.trial.FrozenTrial], folder: Path) -> None:
    assert {trial.state for trial in trials} == {TrialState.COMPLETE}
    assert 12 <= len(trials) <= 14  # two workers may each have asked while the last place was open
    assert sorted(trial.number for trial in trials) == list(range(len(trials)))
    assert [path.read_text() for path in folder.glob("*/begun.txt")] == ["."] * len(trials)


def test_workers_share_an_sqlite_file(tmp_path):
    assert_shared(share(f"sqlite:///{tmp_path / 'study.db'}", tmp_path / "trials"), tmp_path / "trials")


@pytest.mark.gate
def test_workers_share_a_postgresql_server(tmp_path):
    with postgres_server() as storage:
        assert_shared(share(storage, tmp_path / "trials"), tmp_path / "trials")


def test_what_a_killed_worker_leaves_is_taken_over(tmp_path):
    storage, folder = f"sqlite:///{tmp_path / 'study.db'}", tmp_path / "trials"
    killed = start_worker(storage, folder, 2, pause_s=60)
    while not list(folder.glob("*/here.txt")):
        assert killed.is_alive()
        time.sleep(0.05)
    killed.kill()
    killed.join()
    work(storage, folder, 2, 0.0)
    trials = optuna.load_study(study_name="bowl", storage=storage).trials
    assert [trial.state.name for trial in trials] == ["FAIL", "COMPLETE", "COMPLETE"]
    assert trials[1].params == trials[0].params
    assert trials[1].user_attrs["folder"] == trials[0].user_attrs["folder"]


def test_a_server_that_is_not_there_is_said_without_its_password():
    assert without_password("postgresql://anna:secret@host/lab") == "postgresql://anna@host/lab"
    pytest.importorskip("psycopg")
    with pytest.raises(
        ValueError, match=r"storage=postgresql://anna@127\.0\.0\.1:1/lab cannot be opened"
    ) as caught:
        open_study(
            "s", storage="postgresql://anna:secret@127.0.0.1:1/lab", objectives=read_objectives(["val/bce"])
        )
    assert "secret" not in str(caught.value)
