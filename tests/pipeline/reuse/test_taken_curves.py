"""The curves of a stage that is taken from another run: every point once, whenever a kill falls."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from pytorch_lightning.loggers import Logger

from musicgen.files.run_folders import event_files
from musicgen.pipeline.charts import log_layout
from musicgen.pipeline.reuse.inputs import StageInputs
from musicgen.pipeline.reuse.record import last_checkpoint, read_record
from musicgen.pipeline.reuse.store import StageStore
from musicgen.pipeline.reuse.trained import TrainedStages
from musicgen.pipeline.status import StatusFile, read_status
from musicgen.tensors import write_tensors
from musicgen.training.curve_table import CurveTable
from musicgen.training.tensorboard_logger import TensorBoardWithoutEpoch

NUM_POINTS = 6
INPUTS = StageInputs(settings={"seed": 0}, environment={"threads": 1})


class Killed(BaseException):
    """Stands for kill -9: nothing of ours sees it."""


class MortalTable(CurveTable):
    """A table whose process is killed when a row comes, its earlier rows on the disk."""

    def __init__(self, *, path: Path, lives: int | None) -> None:
        super().__init__(path=path)
        self.lives = lives

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        if self.lives == 0:
            self.save()
            raise Killed
        self.lives = None if self.lives is None else self.lives - 1
        super().log_metrics(metrics, step)


class Job:
    """A process that comes by an autoencoder in a run folder, and logs to TensorBoard and a table."""

    def __init__(self, folder: Path, *, resume: bool = False, lives: int | None = None) -> None:
        self.folder = folder
        self.board = TensorBoardWithoutEpoch(folder, name="", version="tensorboard", default_hp_metric=False)
        self.table = MortalTable(path=folder / "csv" / "metrics.csv", lives=lives)
        self.loggers: list[Logger] = [self.table, self.board]
        log_layout(self.loggers)
        self.stages = TrainedStages(
            folder=folder,
            status=StatusFile(folder),
            loggers=self.loggers,
            store=StageStore(folder.parent / "stages"),
            resume=resume,
        )

    def obtain(self) -> "Job":
        def fit(checkpoint: Path | None) -> None:
            assert checkpoint is None
            for step in range(NUM_POINTS):
                for logger in self.loggers:
                    logger.log_metrics({"vq_vae/step/bce": 1.0 + step}, step=step)
            self.board.experiment.close()
            self.table.save()
            write_tensors({"state_dict": {}}, last_checkpoint(self.folder, "vq_vae"))

        self.stages.train_or_reuse("vq_vae", INPUTS, fit=fit)
        return self

    def steps(self) -> tuple[list[int], list[int]]:
        """Give the steps in TensorBoard's files, and in the table."""
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        board: list[int] = []
        for path in event_files(self.folder, "vq_vae"):
            events = EventAccumulator(str(path), size_guidance={"scalars": 0})
            events.Reload()
            if "vq_vae/step/bce" in events.Tags()["scalars"]:
                board += [point.step for point in events.Scalars("vq_vae/step/bce")]
        return sorted(board), [int(row["step"]) for row in self.table.rows() if row.get("vq_vae/step/bce")]


ALL = (list(range(NUM_POINTS)), list(range(NUM_POINTS)))


@pytest.mark.parametrize("lives", [0, 3])
def test_a_job_killed_while_it_takes_a_stage_has_all_points_once_in_the_end(tmp_path: Path, lives: int):
    Job(tmp_path / "a").obtain()
    for _ in range(2):  # killed twice
        with pytest.raises(Killed):
            Job(tmp_path / "b", resume=True, lives=lives).obtain()
    assert not read_record(tmp_path / "b", "vq_vae").is_finished(tmp_path / "b")
    assert Job(tmp_path / "b", resume=True).obtain().steps() == ALL
    assert read_status(tmp_path / "b").taken == {"vq_vae": str(tmp_path / "a")}


def test_a_job_killed_in_training_that_finds_it_done_by_another_has_all_points_once(tmp_path: Path):
    with pytest.raises(Killed):
        Job(tmp_path / "b", lives=3).obtain()
    Job(tmp_path / "a").obtain()
    assert Job(tmp_path / "b", resume=True).obtain().steps() == ALL
    assert Job(tmp_path / "a", resume=True).obtain().steps() == ALL  # its files were not written over
