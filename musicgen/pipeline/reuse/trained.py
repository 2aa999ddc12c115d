"""The trained stages of a run: kept, reused, resumed or trained."""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pytorch_lightning.loggers import Logger, TensorBoardLogger

from musicgen.checkpoint import read_checkpoint
from musicgen.files.run_folders import event_files
from musicgen.pipeline.reuse.inputs import StageInputs, differences, with_threads
from musicgen.pipeline.reuse.record import (
    EDITION,
    StageRecord,
    hashed,
    last_checkpoint,
    read_record,
    stage_files,
)
from musicgen.pipeline.reuse.store import StageStore
from musicgen.pipeline.status import StatusFile
from musicgen.training.curve_table import CurveTable
from musicgen.training.stage_logs import (
    label_logs,
    log_training_metrics,
    replay,
    rewind_logs,
)

log = logging.getLogger(__name__)
Fit = Callable[[Path | None], None]


@dataclass(frozen=True)
class TrainedStages:
    """The trained stages of one run.

    Attributes:
        folder: The run folder.
        status: The run's status file.
        loggers: Loggers of the run, also for the curves of reused stages.
        store: Stages of other runs; None to train every stage.
        resume: Keep finished stages of the folder, and resume interrupted ones.
        is_first_rank: Only rank 0 writes records.
    """

    folder: Path
    status: StatusFile
    loggers: Sequence[Logger]
    store: StageStore | None = None
    resume: bool = False
    is_first_rank: bool = True

    def train_or_reuse(self, stage: str, inputs: StageInputs, *, fit: Fit, title: str = "") -> None:
        """Keep a finished stage, link it from the store, resume it, or train it.

        Args:
            stage: Name of the stage.
            inputs: Its inputs.
            fit: Trains it, resuming from a checkpoint if given.
            title: Title of the stage.

        Raises:
            ValueError: The folder holds a stage that was trained with other settings.
        """
        title = title or stage
        earlier = read_record(self.folder, stage) if self.resume else None
        if earlier is not None:
            _check_same(earlier, inputs, self.folder)
            if earlier.is_finished(self.folder):
                log.info("%s: kept, already trained", title)
                self.status.add_metrics(earlier.metrics)
                return
        if self.store is None or (earlier is not None and earlier.key != inputs.key):
            self._train(stage, inputs, earlier, fit=fit, store=None)
            return
        with self.store.lock(inputs.key, on_wait=lambda: self._wait(title)):
            self.status.update(state="running")
            record = self.store.find(inputs.key, stage)
            if record is not None:
                self._link(record, store=self.store, title=title)
            else:
                self._train(stage, inputs, earlier, fit=fit, store=self.store)

    def begun_with(self, stage: str, inputs: StageInputs, *, threads: Iterable[int]) -> int | None:
        """Find the number of threads with which a stage was trained or started.

        An interrupted stage of this folder keeps its number of threads if possible, as only then are its
        weights the same as without the interruption.

        Args:
            stage: Name of the stage.
            inputs: Its inputs; their number of threads is ignored.
            threads: Candidates, best first. An interrupted stage is not resumed with more than the first.

        Returns:
            The first number found; None if the stage was never started.
        """
        numbers = list(threads)
        earlier = read_record(self.folder, stage) if self.resume else None
        begun = earlier.environment.get("threads") if earlier else None
        if begun in range(1, numbers[0] + 1):
            return begun
        if self.store is None or earlier is not None:
            return None
        keys = {number: with_threads(inputs, number).key for number in numbers}
        return next((number for number, key in keys.items() if self.store.holds(key)), None)

    def _wait(self, title: str) -> None:
        log.info("%s: another run is training the same stage; waiting to reuse it", title)
        self.status.update(state="waiting")

    def _link(self, record: StageRecord, *, store: StageStore, title: str) -> None:
        """Link files, then log curves, and write the record last, so that a kill leaves no gap."""
        log.info(
            "%s: reused from %s, trained on the same pieces with the same settings and seed (%s)",
            title, record.trained_in, record.key[:8],
        )  # fmt: skip
        stage = record.stage
        replace(record, state="training", files={}).write(self.folder)
        rewind_logs(self.loggers, self.folder, stage, checkpoint=None)
        store.link(record, self.folder)
        label_logs(self.loggers, stage)
        others = [logger for logger in self.loggers if not isinstance(logger, TensorBoardLogger)]
        replay(event_files(self.folder, stage), others)
        label_logs(self.loggers, "")
        self.status.update(taken={**self.status.status.taken, stage: record.trained_in})
        self.status.add_metrics(record.metrics)
        record.write(self.folder)

    def _train(
        self,
        stage: str,
        inputs: StageInputs,
        earlier: StageRecord | None,
        *,
        fit: Fit,
        store: StageStore | None,
    ) -> None:
        began, cpu_began = time.monotonic(), time.process_time()
        last = last_checkpoint(self.folder, stage)
        resumes = self.resume and last.is_file()
        is_copy = store is not None and not resumes and store.continue_from(inputs.key, stage, self.folder)
        checkpoint = last if resumes or is_copy else None
        record = StageRecord(
            stage=stage,
            key=inputs.key if earlier is None or earlier.key == inputs.key else "",
            settings=inputs.settings,
            environment=inputs.environment,
            trained_in=str(self.folder.resolve()),
        )
        if self.is_first_rank:
            label_logs(self.loggers, stage)
            if earlier is not None or is_copy:
                self._rewind(stage, checkpoint, is_copy=is_copy)
            record.write(self.folder)
            if store is not None:
                store.claim(record, self.folder)
        fit(checkpoint)
        if self.is_first_rank:
            label_logs(self.loggers, "")
            took = replace(
                record,
                seconds=round(time.monotonic() - began, 3),
                cpu_seconds=round(time.process_time() - cpu_began, 3),
            )
            self._finish(took, store=store)

    def _rewind(self, stage: str, checkpoint: Path | None, *, is_copy: bool) -> None:
        """Rewind the logs to a checkpoint; replay the curves if it is from another run."""
        content = read_checkpoint(checkpoint) if checkpoint else None
        rewind_logs(self.loggers, self.folder, stage, checkpoint=content)
        if content is None or "logs" not in content:
            return
        others = [logger for logger in self.loggers if not isinstance(logger, TensorBoardLogger)]
        if is_copy:
            replay(event_files(self.folder, stage), others)
        mended = (TensorBoardLogger, CurveTable)
        receivers = [logger for logger in self.loggers if is_copy or isinstance(logger, mended)]
        log_training_metrics(receivers, content)

    def _finish(self, record: StageRecord, *, store: StageStore | None) -> None:
        files = hashed(self.folder, stage_files(self.folder, record.stage))
        metrics = {
            name: value
            for name, value in self.status.status.metrics.items()
            if name.startswith((record.stage, "val/"))
        }
        record = replace(record, state="done", metrics=metrics, files=files)
        record.write(self.folder)
        self.status.finish_stage(record.stage, seconds=record.seconds)
        if store is not None:
            store.publish(record, self.folder)


def _check_same(record: StageRecord, inputs: StageInputs, folder: Path) -> None:
    """Reject other settings; log changes of the environment."""
    if record.edition != EDITION:
        log.warning("%s: started by an earlier version, whose settings cannot be compared", record.stage)
        return
    changed = differences(record.settings, inputs.settings)
    if changed:
        raise ValueError(
            f"{folder} holds a {record.stage} of other settings ({'; '.join(changed)}, old and new); "
            "use the same settings, or start anew in another folder"
        )
    environment_changes = differences(record.environment, inputs.environment)
    if environment_changes:
        log.info("%s: changed since it was started: %s", record.stage, "; ".join(environment_changes))
