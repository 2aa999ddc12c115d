"""Logs of a stage that goes on: nothing twice, nothing that its checkpoint knows lost."""

from pathlib import Path

import pytest

from musicgen.pipeline.charts import log_layout
from musicgen.pipeline.reuse.record import StageRecord, event_files
from musicgen.pipeline.reuse.rewind import Reached, rewind, rewind_events
from musicgen.reports.runs.curves import read_curves
from musicgen.training.curve_table import CurveTable
from musicgen.training.tensorboard_logger import TensorBoardWithoutEpoch

FIGURES = {"vq_vae/train/bce": 0.5, "vq_vae/val/bce": 0.25}


class Run:
    """A run folder with both kinds of files, written by one process after another."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.start()

    def start(self) -> None:
        self.board = TensorBoardWithoutEpoch(
            self.folder, name="", version="tensorboard", default_hp_metric=False
        )
        self.table = CurveTable(path=self.folder / "csv" / "metrics.csv")
        self.loggers = [self.board, self.table]
        log_layout(self.loggers)

    def log(self, name: str, steps: range) -> None:
        for step in steps:
            for logger in self.loggers:
                logger.log_metrics({name: 1.0 + step}, step=step)
        self.end()

    def end(self) -> None:
        self.board.experiment.close()
        self.table.save()

    def record(self, **before: object) -> StageRecord:
        return StageRecord("vq_vae", key="k", settings={}, environment={}, trained_in="", **before)

    def points(self, name: str) -> tuple[list[int], list[int]]:
        """Give the steps in TensorBoard's files, all of them together, and in the table."""
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        found: list[int] = []
        for path in event_files(self.folder):
            events = EventAccumulator(str(self.folder / path), size_guidance={"scalars": 0})
            events.Reload()
            found += (
                [point.step for point in events.Scalars(name)] if name in events.Tags()["scalars"] else []
            )
        return sorted(found), [int(row["step"]) for row in self.table.rows() if row.get(name)]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def test_what_came_after_the_checkpoint_goes_and_all_else_stays(run: Run):
    run.log("vq_vae/lr", range(4))
    before = {"earlier_events": event_files(run.folder), "earlier_rows": 4}
    run.start()
    run.log("vq_vae/step/bce", range(7))  # killed here, the checkpoint is of step 5
    run.start()
    rewind(run.folder, run.record(**before), run.loggers, to=Reached(step=5))
    run.log("vq_vae/step/bce", range(5, 8))
    assert run.points("vq_vae/step/bce") == (list(range(8)), list(range(8)))
    assert run.points("vq_vae/lr") == (list(range(4)), list(range(4)))
    assert read_curves(run.folder)["vq_vae/step/bce"].value.tolist() == [1.0 + step for step in range(8)]


def test_training_metrics_that_a_kill_kept_from_the_disk_are_logged_again(run: Run):
    run.log("vq_vae/val/bce", range(5))
    for _ in range(2):  # and killed once more
        rewind(run.folder, run.record(), run.loggers, to=Reached(step=5, metrics=FIGURES))
        run.end()
    assert run.points("vq_vae/train/bce") == ([4], [4])
    assert run.points("vq_vae/val/bce") == (list(range(5)), list(range(5)))


def test_without_a_checkpoint_the_stage_begins_anew(run: Run):
    run.log("vq_vae/step/bce", range(3))
    rewind(run.folder, run.record(), run.loggers, to=Reached())
    assert run.points("vq_vae/step/bce") == ([], [])


def test_a_table_gets_the_curves_of_a_stage_that_another_run_began(run: Run):
    run.log("vq_vae/step/bce", range(6))
    run.table.path.unlink()  # checkpoints and event files come over, tables do not
    rewind(run.folder, run.record(), run.loggers, to=Reached(step=4, metrics=FIGURES), adopted=True)
    run.end()
    assert run.points("vq_vae/step/bce") == (list(range(4)), list(range(4)))
    assert run.points("vq_vae/train/bce") == ([3], [3])


def test_charts_stay_and_a_record_that_a_kill_cut_off_goes(run: Run):
    run.log("vq_vae/step/bce", range(3))
    size = {path: (run.folder / path).stat().st_size for path in event_files(run.folder)}
    assert len(size) == 2  # the charts, and the curves
    for path, num_bytes in size.items():
        whole = (run.folder / path).read_bytes()
        rewind_events(run.folder / path, step=3)
        assert (run.folder / path).read_bytes() == whole
        (run.folder / path).write_bytes(whole[:-3])
        rewind_events(run.folder / path, step=3)
        assert 0 < (run.folder / path).stat().st_size < num_bytes - 3
