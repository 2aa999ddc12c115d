"""Logs of a stage that continues: nothing twice, nothing that its checkpoint knows lost."""

from pathlib import Path
from typing import Any

import pytest

from musicgen.pipeline.charts import log_layout
from musicgen.reports.runs.curves import read_curves
from musicgen.training.curve_table import CurveTable
from musicgen.training.stage_logs import (
    event_files,
    label_logs,
    log_position,
    log_training_metrics,
    replay,
    rewind_logs,
)
from musicgen.training.tensorboard_logger import TensorBoardWithoutEpoch

STAGE = "vq_vae"
METRICS = {"vq_vae/train/bce": 0.5, "vq_vae/val/bce": 0.25}


class Run:
    """A run folder with both kinds of files, written by one process after another."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.start()

    def start(self, stage: str = STAGE) -> None:
        self.board = TensorBoardWithoutEpoch(
            self.folder, name="", version="tensorboard", default_hp_metric=False
        )
        self.table = CurveTable(path=self.folder / "csv" / "metrics.csv")
        self.loggers = [self.board, self.table]
        log_layout(self.loggers)
        label_logs(self.loggers, stage)

    def log(self, name: str, steps: range) -> None:
        for step in steps:
            for logger in self.loggers:
                logger.log_metrics({name: 1.0 + step}, step=step)
        self.flush()

    def flush(self) -> None:
        self.board.experiment.flush()
        self.table.save()

    def checkpoint(self, step: int) -> dict[str, Any]:
        logs = log_position(self.loggers, self.folder, STAGE)
        return {"global_step": step, "musicgen": {"metrics": METRICS}, "logs": logs}

    def points(self, name: str) -> tuple[list[int], list[int]]:
        """Give the steps in TensorBoard's files, all of them together, and in the table."""
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        found: list[int] = []
        for path in self.folder.glob("tensorboard/events*"):
            events = EventAccumulator(str(path), size_guidance={"scalars": 0})
            events.Reload()
            if name in events.Tags()["scalars"]:
                found += [point.step for point in events.Scalars(name)]
        return sorted(found), [int(row["step"]) for row in self.table.rows() if row.get(name)]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def test_what_came_after_the_checkpoint_goes_and_all_else_stays(run: Run):
    run.start("density")
    run.log("density/lr", range(4))
    run.start()
    run.log("vq_vae/step/bce", range(5))
    checkpoint = run.checkpoint(5)
    run.log("vq_vae/step/bce", range(5, 7))  # killed here
    run.start()
    run.log("vq_vae/step/bce", range(5, 6))  # and here again, before a checkpoint
    run.start()
    rewind_logs(run.loggers, run.folder, STAGE, checkpoint=checkpoint)
    run.log("vq_vae/step/bce", range(5, 8))
    assert run.points("vq_vae/step/bce") == (list(range(8)), list(range(8)))
    assert run.points("density/lr") == (list(range(4)), list(range(4)))
    assert read_curves(run.folder)["vq_vae/step/bce"].value.tolist() == [1.0 + step for step in range(8)]


def test_training_metrics_that_lightning_logs_after_the_checkpoint_are_logged_again(run: Run):
    run.log("vq_vae/val/bce", range(5))
    checkpoint = run.checkpoint(5)
    for _ in range(2):  # and killed once more
        run.log("vq_vae/train/bce", range(4, 5))
        run.start()
        rewind_logs(run.loggers, run.folder, STAGE, checkpoint=checkpoint)
    log_training_metrics(run.loggers, checkpoint)
    run.flush()
    assert run.points("vq_vae/train/bce") == ([4], [4])
    assert run.points("vq_vae/val/bce") == (list(range(5)), list(range(5)))


def test_without_a_checkpoint_the_stage_begins_anew(run: Run):
    run.log("vq_vae/step/bce", range(3))
    rewind_logs(run.loggers, run.folder, STAGE, checkpoint=None)
    assert run.points("vq_vae/step/bce") == ([], [])


def test_a_table_gets_the_curves_of_a_stage_that_another_run_began(run: Run):
    run.log("vq_vae/step/bce", range(4))
    checkpoint = run.checkpoint(4)
    run.log("vq_vae/step/bce", range(4, 6))
    run.table.path.unlink()  # checkpoints and event files come over, tables do not
    rewind_logs(run.loggers, run.folder, STAGE, checkpoint=checkpoint)
    replay(event_files(run.folder, STAGE), [run.table])
    assert run.points("vq_vae/step/bce") == (list(range(4)), list(range(4)))


def test_a_file_that_other_runs_share_stays_as_it_is(run: Run, tmp_path: Path):
    run.log("vq_vae/step/bce", range(2))
    checkpoint = run.checkpoint(2)
    run.log("vq_vae/step/bce", range(2, 4))
    (path,) = event_files(run.folder, STAGE)
    shared = tmp_path / "shared"
    shared.hardlink_to(path)
    whole = shared.read_bytes()
    rewind_logs(run.loggers, run.folder, STAGE, checkpoint=checkpoint)
    assert shared.read_bytes() == whole
    assert path.stat().st_size < len(whole)
