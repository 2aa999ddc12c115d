"""A stage is trained once: kept, taken, gone on with; never with other settings, never from damaged files."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from musicgen.checkpoint import FORMAT, read_checkpoint
from musicgen.pipeline.reuse.inputs import StageInputs, differences
from musicgen.pipeline.reuse.record import last_checkpoint, read_record, record_path
from musicgen.pipeline.reuse.store import StageStore
from musicgen.pipeline.reuse.trained import TrainedStages
from musicgen.pipeline.status import StatusFile, read_status
from musicgen.tensors import write_tensors
from musicgen.training.stage_logs import log_position

INPUTS = StageInputs(settings={"seed": 0, "network": {"width": 8}}, environment={"threads": 1})


class Killed(BaseException):
    """Stands for kill -9: nothing of ours sees it."""


class Job:
    """A run folder with a training that writes what it is told to, and counts its epochs."""

    def __init__(self, folder: Path, store: StageStore | None, *, resume: bool = False) -> None:
        self.folder, self.epochs = folder, 0
        status = StatusFile(folder)
        self.stages = TrainedStages(folder=folder, status=status, loggers=[], store=store, resume=resume)

    def train(self, inputs: StageInputs = INPUTS, *, until: int = 3, of: int = 3) -> "Job":
        def fit(checkpoint: Path | None) -> None:
            begun = epochs_in(checkpoint) if checkpoint else 0
            (self.folder / "tensorboard").mkdir(parents=True, exist_ok=True)
            (
                self.folder / "tensorboard" / f"events.out.tfevents.{self.folder.name}.{begun}.vq_vae"
            ).write_text("x")
            last = last_checkpoint(self.folder, "vq_vae")
            for epoch in range(begun + 1, of + 1):
                if epoch > until:
                    raise Killed
                self.epochs += 1
                logs = log_position([], self.folder, "vq_vae")
                content = {
                    "musicgen": {"format": FORMAT},
                    "state_dict": {},
                    "global_step": epoch,
                    "logs": logs,
                }
                write_tensors(content, last)
                (self.folder / "checkpoints" / "vq_vae.ckpt").write_text(f"best {epoch}")

        self.stages.train_or_reuse("vq_vae", inputs, fit=fit)
        return self


@pytest.fixture
def store(tmp_path: Path) -> StageStore:
    return StageStore(tmp_path / "stages")


def epochs_in(checkpoint: Path) -> int:
    return read_checkpoint(checkpoint)["global_step"]


def events(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("tensorboard/*"))


def test_equal_inputs_are_trained_once_and_taken_with_curves_and_checkpoints(tmp_path, store):
    first, second = Job(tmp_path / "a", store).train(), Job(tmp_path / "b", store).train()
    assert (first.epochs, second.epochs) == (3, 0)
    assert events(tmp_path / "a") == events(tmp_path / "b") == ["events.out.tfevents.a.0.vq_vae"]
    assert (tmp_path / "b" / "checkpoints" / "vq_vae.ckpt").read_text() == "best 3"
    assert read_status(tmp_path / "b").taken == {"vq_vae": str(tmp_path / "a")}


@pytest.mark.parametrize(
    "other",
    [
        replace(INPUTS, settings={**INPUTS.settings, "seed": 1}),
        replace(INPUTS, settings={"seed": 0, "network": {"width": 16}}),
        replace(INPUTS, environment={"threads": 2}),
    ],
)
def test_other_inputs_are_trained_anew(tmp_path, store, other):
    Job(tmp_path / "a", store).train()
    assert Job(tmp_path / "b", store).train(other).epochs == 3


def test_a_run_stays_whole_when_the_one_it_was_taken_from_is_deleted(tmp_path, store):
    Job(tmp_path / "a", store).train()
    shutil.rmtree(tmp_path / "a")
    assert Job(tmp_path / "b", store).train().epochs == 0


def test_a_damaged_entry_is_not_used(tmp_path, store):
    Job(tmp_path / "a", store).train()
    store.entry(INPUTS.key).joinpath("checkpoints", "vq_vae.ckpt").write_text("best of another")
    assert Job(tmp_path / "b", store).train().epochs == 3
    assert Job(tmp_path / "c", store).train().epochs == 0


def test_an_interrupted_stage_goes_on_in_its_own_folder(tmp_path, store):
    with pytest.raises(Killed):
        Job(tmp_path / "a", store).train(until=2)
    assert Job(tmp_path / "a", store, resume=True).train().epochs == 1
    record = read_record(tmp_path / "a", "vq_vae")
    assert {name.split(".")[-2] for name in record.files if "events" in name} == {"0", "2"}


def test_an_interrupted_stage_goes_on_in_another_folder(tmp_path, store):
    with pytest.raises(Killed):
        Job(tmp_path / "a", store).train(until=2)
    assert Job(tmp_path / "b", store).train().epochs == 1
    assert events(tmp_path / "b") == ["events.out.tfevents.a.0.vq_vae", "events.out.tfevents.b.2.vq_vae"]
    assert epochs_in(last_checkpoint(tmp_path / "a", "vq_vae")) == 2  # its own files are left alone
    assert Job(tmp_path / "c", store).train().epochs == 0
    assert events(tmp_path / "c") == events(tmp_path / "b")


def test_a_finished_stage_is_kept(tmp_path, store):
    Job(tmp_path / "a", None).train()
    assert Job(tmp_path / "a", None, resume=True).train().epochs == 0


def test_going_on_with_other_settings_is_refused(tmp_path, store):
    with pytest.raises(Killed):
        Job(tmp_path / "a", store).train(until=2)
    other = replace(INPUTS, settings={"seed": 0, "network": {"width": 16}})
    with pytest.raises(ValueError, match=r"network\.width: 8, 16"):
        Job(tmp_path / "a", store, resume=True).train(other)


def test_a_stage_of_an_earlier_version_is_kept_though_its_settings_read_otherwise(tmp_path, caplog):
    Job(tmp_path / "a", None).train()
    path = record_path(tmp_path / "a", "vq_vae")
    values = json.loads(path.read_text())
    del values["edition"]
    path.write_text(json.dumps({**values, "settings": {"seed": 0}, "earlier_events": [], "earlier_rows": 0}))
    assert Job(tmp_path / "a", None, resume=True).train().epochs == 0
    assert "cannot be compared" in caplog.text


def test_what_was_trained_with_changing_threads_is_lent_to_nobody(tmp_path, store):
    with pytest.raises(Killed):
        Job(tmp_path / "a", store).train(until=2)
    two_threads = replace(INPUTS, environment={"threads": 2})
    assert Job(tmp_path / "a", store, resume=True).train(two_threads).epochs == 1
    assert Job(tmp_path / "b", store).train(two_threads).epochs == 3


def test_differences_name_what_changed():
    assert differences({"a": {"b": 1}, "c": 2}, {"a": {"b": 1.5}, "d": (1,)}) == [
        "a.b: 1, 1.5",
        "c: 2, none",
        "d: none, [1]",
    ]
