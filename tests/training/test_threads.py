"""Threads: as many as cores are free, and what was begun with another number."""

from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest
import torch

from musicgen.pipeline.reuse.inputs import StageInputs, with_threads
from musicgen.pipeline.reuse.record import StageRecord
from musicgen.pipeline.reuse.store import StageStore
from musicgen.pipeline.reuse.trained import TrainedStages
from musicgen.pipeline.status import StatusFile
from musicgen.training import threads as module
from musicgen.training.threads import ThreadPolicy, Threads

INPUTS = StageInputs(settings={"seed": 0}, environment={"threads": 2})


@pytest.mark.parametrize(
    ("cores", "free", "share", "said"),
    [
        (2, 2, 2, "2 threads: both cores are free"),
        (2, 1, 2, "1 thread: the other core is busy"),
        (2, 2, 1, "1 thread: its share of 2 cores"),
        (1, 1, 1, "1 thread: there is one core"),
        (8, 8, 8, "8 threads: all 8 cores are free"),
        (8, 7, 8, "7 threads: 1 of 8 cores is busy"),
        (8, 3, 4, "3 threads: 5 of 8 cores are busy"),
        (8, 6, 4, "4 threads: its share of 8 cores"),
        (8, 1, 4, "1 thread: the other cores are busy"),
    ],
)
def test_threads_are_the_free_cores_within_a_share(
    cores: int, free: int, share: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "available_cores", lambda: cores)
    monkeypatch.setattr(module, "free_cores", lambda: free)
    assert str(ThreadPolicy(share=share).choose()) == said


def test_a_number_that_was_asked_for_is_used_without_a_look(monkeypatch: pytest.MonkeyPatch) -> None:
    look = Mock()
    monkeypatch.setattr(module, "free_cores", look)
    assert ThreadPolicy(asked=3, share=2).choose() == Threads(3, "as asked for")
    look.assert_not_called()


def test_a_choice_is_used_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    for _ in range(2):
        Threads(2, "for this test").use()
    assert torch.get_num_threads() == 2
    assert caplog.messages == ["2 threads: for this test"]


def _stages(run: Path, store: Path, *, resume: bool = False) -> TrainedStages:
    return TrainedStages(
        folder=run, status=StatusFile(None), loggers=[], store=StageStore(store), resume=resume
    )


def test_a_stage_that_was_trained_with_other_threads_is_found(tmp_path: Path) -> None:
    one, two = with_threads(INPUTS, 1), INPUTS
    stages = _stages(tmp_path / "run", tmp_path / "store")
    assert stages.begun_with("vq_vae", two, threads=[2, 1]) is None
    StageStore(tmp_path / "store").entry(one.key).mkdir(parents=True)
    assert stages.begun_with("vq_vae", two, threads=[2, 1]) == 1
    assert stages.begun_with("vq_vae", two, threads=[2]) is None
    StageStore(tmp_path / "store").entry(two.key).mkdir(parents=True)
    assert stages.begun_with("vq_vae", two, threads=[2, 1]) == 2


def test_a_stage_that_another_job_trains_right_now_is_waited_for(tmp_path: Path) -> None:
    stages = _stages(tmp_path / "run", tmp_path / "store")
    with StageStore(tmp_path / "store").lock(with_threads(INPUTS, 1).key, on_wait=Mock()):
        assert stages.begun_with("vq_vae", INPUTS, threads=[2, 1]) == 1
    assert stages.begun_with("vq_vae", INPUTS, threads=[2, 1]) is None


def test_an_interrupted_stage_goes_on_with_its_threads_unless_too_few_cores_are_free(tmp_path: Path) -> None:
    record = StageRecord("vq_vae", "key", {}, {"threads": 2}, trained_in=str(tmp_path))
    stages = _stages(tmp_path, tmp_path / "store", resume=True)
    record.write(tmp_path)
    assert stages.begun_with("vq_vae", INPUTS, threads=[4, 1, 2, 3]) == 2
    assert stages.begun_with("vq_vae", INPUTS, threads=[1]) is None
    replace(record, environment={}).write(tmp_path)
    assert stages.begun_with("vq_vae", INPUTS, threads=[4]) is None
