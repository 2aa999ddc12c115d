"""How a run comes by a trained network: kept, taken from another run, gone on with, or trained."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pytorch_lightning.loggers import Logger, TensorBoardLogger

from musicgen.pipeline.reuse.inputs import StageInputs, differences
from musicgen.pipeline.reuse.record import (
    StageRecord,
    event_files,
    hashed,
    last_checkpoint,
    read_record,
    stage_files,
)
from musicgen.pipeline.reuse.replay import replay
from musicgen.pipeline.reuse.rewind import Reached, reached, rewind
from musicgen.pipeline.reuse.store import StageStore
from musicgen.pipeline.status import StatusFile
from musicgen.training.curve_table import CurveTable

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Stages:
    """The trained stages of one run.

    Attributes:
        folder: The run folder.
        status: Where progress is told.
        loggers: Where curves go; those of a stage that is taken go there, too.
        store: Stages of other runs; None where each run trains its own.
        resume: Keep what the folder has, and go on with what was interrupted.
        is_first_rank: Of several processes of one run, the first keeps the records.
    """

    folder: Path
    status: StatusFile
    loggers: Sequence[Logger]
    store: StageStore | None = None
    resume: bool = False
    is_first_rank: bool = True

    def obtain(
        self, stage: str, inputs: StageInputs, *, fit: Callable[[Path | None], None], title: str = ""
    ) -> None:
        """Come by a trained stage in the cheapest way that gives the same weights.

        Args:
            stage: Its name.
            inputs: What decides its weights.
            fit: Trains it, from a checkpoint if it gets one.
            title: What people read.

        Raises:
            ValueError: The folder holds a stage that was trained with other settings.
        """
        before = read_record(self.folder, stage) if self.resume else None
        if before is not None:
            _check_same(before, inputs, self.folder)
            if before.is_whole(self.folder):
                log.info("%s: kept, it is trained", title or stage)
                self.status.add_metrics(before.metrics)
                return
        if self.store is None or (before is not None and before.key != inputs.key):
            self._train(stage, inputs, before, fit=fit)
            return
        with self.store.lock(inputs.key, on_wait=lambda: self._wait(title or stage)):
            self.status.update(state="running")
            record = self.store.find(inputs.key, stage)
            if record is not None:
                self._use(record, before, store=self.store, title=title or stage)
            else:
                self._train(stage, inputs, before, fit=fit, store=self.store)

    def _wait(self, title: str) -> None:
        log.info("%s: another run trains the same one; waiting to take it", title)
        self.status.update(state="waiting")

    def _use(self, record: StageRecord, before: StageRecord | None, *, store: StageStore, title: str) -> None:
        """Take files, then curves, and write the record last, so that a kill leaves no gap."""
        log.info(
            "%s: taken from %s, trained there on the same pieces with the same settings and seed (%s)",
            title, record.trained_in, record.key[:8],
        )  # fmt: skip
        earlier_events = before.earlier_events if before else event_files(self.folder)
        earlier_rows = before.earlier_rows if before else self._num_rows()
        record = replace(record, earlier_events=earlier_events, earlier_rows=earlier_rows)
        begun = replace(record, state="training", files={})
        begun.write(self.folder)
        if before is not None:
            rewind(self.folder, begun, self.loggers, to=Reached())
        store.take(record, self.folder)
        others = [logger for logger in self.loggers if not isinstance(logger, TensorBoardLogger)]
        replay([self.folder / name for name in record.files if name.startswith("tensorboard/")], others)
        self.status.update(taken={**self.status.status.taken, record.stage: record.trained_in})
        self.status.add_metrics(record.metrics)
        record.write(self.folder)

    def _train(
        self,
        stage: str,
        inputs: StageInputs,
        before: StageRecord | None,
        *,
        fit: Callable[[Path | None], None],
        store: StageStore | None = None,
    ) -> None:
        last = last_checkpoint(self.folder, stage)
        began, cpu_began = time.monotonic(), time.process_time()
        earlier_events = before.earlier_events if before else event_files(self.folder)
        goes_on = self.resume and last.is_file()
        is_adopted = store is not None and not goes_on and store.adopt(inputs.key, stage, self.folder)
        checkpoint = last if goes_on or is_adopted else None
        record = StageRecord(
            stage=stage,
            key=inputs.key if before is None or before.key == inputs.key else "",
            settings=inputs.settings,
            environment=inputs.environment,
            trained_in=str(self.folder.resolve()),
            earlier_events=earlier_events,
            earlier_rows=before.earlier_rows if before else self._num_rows(),
        )
        if self.is_first_rank:
            if before is not None or is_adopted:
                rewind(self.folder, record, self.loggers, to=reached(checkpoint), adopted=is_adopted)
            record.write(self.folder)
            if store is not None:
                store.begin(record, self.folder)
        fit(checkpoint)
        if self.is_first_rank:
            took = replace(
                record,
                seconds=round(time.monotonic() - began, 3),
                cpu_seconds=round(time.process_time() - cpu_began, 3),
            )
            self._finish(took, store=store)

    def _num_rows(self) -> int:
        return sum(len(logger.rows()) for logger in self.loggers if isinstance(logger, CurveTable))

    def _finish(self, record: StageRecord, *, store: StageStore | None) -> None:
        files = hashed(self.folder, stage_files(self.folder, record))
        metrics = {
            name: value
            for name, value in self.status.status.metrics.items()
            if name.startswith((record.stage, "val/"))
        }
        record = replace(record, state="done", metrics=metrics, files=files)
        record.write(self.folder)
        self.status.finish_stage(record.stage, seconds=record.seconds)
        if store is not None:
            store.keep(record, self.folder)


def _check_same(record: StageRecord, inputs: StageInputs, folder: Path) -> None:
    """Refuse to go on with other settings; say what else has changed."""
    changed = differences(record.settings, inputs.settings)
    if changed:
        raise ValueError(
            f"{folder} holds a {record.stage} of other settings ({'; '.join(changed)}: there and now); "
            "go on with the same settings, or begin anew in another folder"
        )
    around = differences(record.environment, inputs.environment)
    if around:
        log.info("%s: since its beginning changed %s", record.stage, "; ".join(around))
