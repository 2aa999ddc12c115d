"""The worker of a search: draws settings, trains an ordinary run with them, tells the study."""

import logging
import random
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from musicgen.search.objectives import Objective
from musicgen.search.space import Knob, combinations
from musicgen.search.study import TWIN, open_places, queue_again, release_left, this_worker
from musicgen.training.pruning import PrunedRun, PruningCallback

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.trial import FrozenTrial

log = logging.getLogger(__name__)

MAX_FAILURES = 5  # in a row: then it is not the settings
PRUNED_FILE = "pruned.txt"
Train = Callable[[Path, Sequence[str], Sequence[PruningCallback]], dict[str, float]]


class TrialFailed(Exception):  # noqa: N818
    """A run ended with an error; the search goes on without it."""


class Worker:
    """One worker of a study; any number of them may work on it at once.

    Args:
        study: The study.
        space: What may be turned.
        objectives: What it is after.
        folder: Where the run folders go.
        train: Trains a run: takes its folder, the values of its knobs as `key=value` and what watches
            it; gives its final metrics.
    """

    def __init__(
        self,
        study: "Study",
        *,
        space: Sequence[Knob],
        objectives: Sequence[Objective],
        folder: Path,
        train: Train,
    ) -> None:
        self.study = study
        self.space = space
        self.objectives = objectives
        self.folder = folder
        self.train = train

    def work(self, num_trials: int, *, max_minutes: float | None = None) -> None:
        """Run trials until the study has as many as asked, whoever ran them.

        Args:
            num_trials: Finished, pruned and running ones of all workers, each setting once.
            max_minutes: Begin no trial after so many minutes; None takes as long as it takes.

        Raises:
            ValueError: The runs do not have the metrics that the search is after, or five in a row failed.
        """
        start = time.monotonic()
        release_left(self.study)
        while open_places(self.study, num_trials) > 0:
            if self._untried() == [] and not self._is_one_waiting():
                log.info("All settings that these knobs have were tried")
                return
            if max_minutes is not None and time.monotonic() - start > 60 * max_minutes:
                log.info("%g minutes are over; the same command goes on with the study", max_minutes)
                return
            self.study.optimize(self._trial, n_trials=1, catch=(TrialFailed,))
            self._stop_if_all_fail()

    def _trial(self, trial: "Trial") -> list[float]:
        """Run one trial; give its objectives."""
        values = {knob.key: knob.draw(trial) for knob in self.space}
        twin = self._twin(trial)
        if twin is not None:
            trial.set_user_attr("folder", twin.user_attrs.get("folder"))
            trial.set_user_attr(TWIN, twin.number)
            log.info("Trial %d has the settings of trial %d: not trained again", trial.number, twin.number)
            self._queue_untried()
            return twin.values
        name = trial.user_attrs.get("folder") or folder_name(trial.number, values)
        trial.set_user_attr("folder", name)
        trial.set_user_attr("worker", this_worker())
        log.info("Trial %d: %s", trial.number, " ".join(f"{key}={value}" for key, value in values.items()))
        metrics = self._run(trial, self.folder / name, [f"{key}={value}" for key, value in values.items()])
        found = [one.value(metrics) for one in self.objectives]
        told = ", ".join(f"{one.name} {value:.5g}" for one, value in zip(self.objectives, found, strict=True))
        log.info("Trial %d: %s", trial.number, told)
        return found

    def _run(self, trial: "Trial", folder: Path, values: Sequence[str]) -> dict[str, float]:
        """Train the trial's run, and leave in its folder why it ended early if it did."""
        from optuna import TrialPruned

        folder.mkdir(parents=True, exist_ok=True)
        (folder / PRUNED_FILE).unlink(missing_ok=True)
        try:
            return self.train(folder, values, self._watchers(trial))
        except PrunedRun as reason:
            (folder / PRUNED_FILE).write_text(f"{reason}\n", encoding="utf-8")
            log.info("Trial %d pruned: %s", trial.number, reason)
            raise TrialPruned from reason
        except (KeyboardInterrupt, SystemExit) as interruption:  # Lightning turns the one into the other
            queue_again(self.study, trial)
            raise KeyboardInterrupt from interruption
        except Exception as error:
            path = folder / "error.txt"
            path.write_text(traceback.format_exc(), encoding="utf-8")
            log.error("Trial %d failed: %s (the whole story is in %s)", trial.number, error, path)
            self._queue_untried()
            raise TrialFailed(str(error)) from error

    def _watchers(self, trial: "Trial") -> list[PruningCallback]:
        """Let the study's pruner watch a run; it has no rule for two objectives."""
        from optuna.pruners import NopPruner

        if len(self.objectives) > 1 or isinstance(self.study.pruner, NopPruner):
            return []

        def judge(value: float, step: int) -> bool:
            trial.report(value, step)
            return trial.should_prune()

        return [PruningCallback(self.objectives[0].name, judge=judge)]

    def _twin(self, trial: "Trial") -> "FrozenTrial | None":
        """Find a finished trial with the same settings."""
        from optuna.trial import TrialState

        done = self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return next((other for other in done if other.params == trial.params), None)

    def _queue_untried(self) -> None:
        """Give the next trial settings that none has had: luck would leave some of a small space out."""
        untried = self._untried()
        if untried:
            self.study.enqueue_trial(random.choice(untried), skip_if_exists=True)

    def _untried(self) -> list[dict[str, str | int]] | None:
        """List the settings that no trial has had; None where they are too many to list."""
        everything = combinations(self.space)
        if everything is None:
            return None
        tried = [trial.params for trial in self.study.get_trials(deepcopy=False)]
        return [settings for settings in everything if settings not in tried]

    def _is_one_waiting(self) -> bool:
        from optuna.trial import TrialState

        return bool(self.study.get_trials(deepcopy=False, states=(TrialState.WAITING,)))

    def _stop_if_all_fail(self) -> None:
        from optuna.trial import TrialState

        ended = [trial for trial in self.study.get_trials(deepcopy=False) if trial.state.is_finished()]
        last = ended[-MAX_FAILURES:]
        if len(last) == MAX_FAILURES and all(trial.state == TrialState.FAIL for trial in last):
            raise ValueError(f"the last {MAX_FAILURES} trials failed; see error.txt in {self.folder}")


def folder_name(number: int, values: dict[str, str]) -> str:
    """Name a trial's folder by its number and what is turned, short enough for any file system."""
    parts = [f"{key.split('.')[-1].split('@')[-1]}={_short(value)}" for key, value in values.items()]
    return ",".join([f"{number:04d}", *parts]).replace("/", "_")[:120]


def _short(value: str) -> str:
    try:
        return value if len(value) < 8 else f"{float(value):.3g}"
    except ValueError:
        return value
