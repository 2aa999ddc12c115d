"""The worker of a search: samples settings, trains an ordinary run and reports to the study."""

import logging
import random
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from musicgen.search.objectives import Objective
from musicgen.search.space import SearchSetting, combinations
from musicgen.search.study import DUPLICATE_OF, requeue, requeue_abandoned, this_worker, trials_left
from musicgen.training.pruning import PrunedRun, PruningCallback

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.trial import FrozenTrial

log = logging.getLogger(__name__)

MAX_FAILURES = 5  # in a row, which indicates a problem other than the settings
PRUNED_FILE = "pruned.txt"
Train = Callable[[Path, Sequence[str], Sequence[PruningCallback]], dict[str, float]]


class TrialFailed(Exception):  # noqa: N818
    """A run ended with an error; the search continues."""


class Worker:
    """A worker of a study; any number of workers may run at once.

    Args:
        study: The study.
        space: The search space.
        objectives: The objectives.
        folder: Parent of the run folders.
        train: Trains a run: takes its folder, the sampled settings as `key=value` and pruning callbacks;
            returns its final metrics.
    """

    def __init__(
        self,
        study: "Study",
        *,
        space: Sequence[SearchSetting],
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
        """Run trials until the study has `num_trials`, counting those of all workers.

        Args:
            num_trials: Number of finished, pruned and running trials, without duplicates.
            max_minutes: Minutes after which no trial is started; None for no limit.

        Raises:
            ValueError: The runs lack the objectives' metrics, or five in a row failed.
        """
        start = time.monotonic()
        requeue_abandoned(self.study)
        while trials_left(self.study, num_trials) > 0:
            if self._untried() == [] and not self._has_waiting_trial():
                log.info("All settings of the search space have been tried")
                return
            if max_minutes is not None and time.monotonic() - start > 60 * max_minutes:
                log.info("%g minutes are over; the same command continues the study", max_minutes)
                return
            self.study.optimize(self._trial, n_trials=1, catch=(TrialFailed,))
            self._stop_if_all_fail()

    def _trial(self, trial: "Trial") -> list[float]:
        """Run a trial and return its objectives."""
        values = {setting.key: setting.draw(trial) for setting in self.space}
        duplicate = self._duplicate(trial)
        if duplicate is not None:
            trial.set_user_attr("folder", duplicate.user_attrs.get("folder"))
            trial.set_user_attr(DUPLICATE_OF, duplicate.number)
            log.info(
                "Trial %d repeats the settings of trial %d: not trained again", trial.number, duplicate.number
            )
            self._queue_untried()
            return duplicate.values
        name = trial.user_attrs.get("folder") or folder_name(trial.number, values)
        trial.set_user_attr("folder", name)
        trial.set_user_attr("worker", this_worker())
        log.info("Trial %d: %s", trial.number, " ".join(f"{key}={value}" for key, value in values.items()))
        metrics = self._run(trial, self.folder / name, [f"{key}={value}" for key, value in values.items()])
        found = [objective.value(metrics) for objective in self.objectives]
        text = ", ".join(
            f"{objective.name} {value:.5g}" for objective, value in zip(self.objectives, found, strict=True)
        )
        log.info("Trial %d: %s", trial.number, text)
        return found

    def _run(self, trial: "Trial", folder: Path, values: Sequence[str]) -> dict[str, float]:
        """Train the trial's run; write the reason to its folder if it is pruned or fails."""
        from optuna import TrialPruned

        folder.mkdir(parents=True, exist_ok=True)
        (folder / PRUNED_FILE).unlink(missing_ok=True)
        try:
            return self.train(folder, values, self._watchers(trial))
        except PrunedRun as reason:
            (folder / PRUNED_FILE).write_text(f"{reason}\n", encoding="utf-8")
            log.info("Trial %d pruned: %s", trial.number, reason)
            raise TrialPruned from reason
        except (KeyboardInterrupt, SystemExit) as interruption:  # Lightning converts the former to the latter
            requeue(self.study, trial)
            raise KeyboardInterrupt from interruption
        except Exception as error:
            path = folder / "error.txt"
            path.write_text(traceback.format_exc(), encoding="utf-8")
            log.error("Trial %d failed: %s (traceback in %s)", trial.number, error, path)
            self._queue_untried()
            raise TrialFailed(str(error)) from error

    def _watchers(self, trial: "Trial") -> list[PruningCallback]:
        """Return the pruning callback of a run; Optuna cannot prune with two objectives."""
        from optuna.pruners import NopPruner

        if len(self.objectives) > 1 or isinstance(self.study.pruner, NopPruner):
            return []

        def should_prune(value: float, step: int) -> bool:
            trial.report(value, step)
            return bool(trial.should_prune())  # a numpy bool for some pruners

        return [PruningCallback(self.objectives[0].name, should_prune=should_prune)]

    def _duplicate(self, trial: "Trial") -> "FrozenTrial | None":
        """Find a finished trial with the same settings."""
        from optuna.trial import TrialState

        done = self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return next((other for other in done if other.params == trial.params), None)

    def _queue_untried(self) -> None:
        """Queue an untried setting, since random sampling would miss parts of a small space."""
        untried = self._untried()
        if untried:
            self.study.enqueue_trial(random.choice(untried), skip_if_exists=True)

    def _untried(self) -> list[dict[str, str | int]] | None:
        """List untried settings; None if they are too many to list."""
        everything = combinations(self.space)
        if everything is None:
            return None
        tried = [trial.params for trial in self.study.get_trials(deepcopy=False)]
        return [settings for settings in everything if settings not in tried]

    def _has_waiting_trial(self) -> bool:
        from optuna.trial import TrialState

        return bool(self.study.get_trials(deepcopy=False, states=(TrialState.WAITING,)))

    def _stop_if_all_fail(self) -> None:
        from optuna.trial import TrialState

        ended = [trial for trial in self.study.get_trials(deepcopy=False) if trial.state.is_finished()]
        last = ended[-MAX_FAILURES:]
        if len(last) == MAX_FAILURES and all(trial.state == TrialState.FAIL for trial in last):
            raise ValueError(f"the last {MAX_FAILURES} trials failed; see error.txt in {self.folder}")


def folder_name(number: int, values: dict[str, str]) -> str:
    """Name a trial's folder by its number and settings, short enough for any file system."""
    parts = [f"{key.split('.')[-1].split('@')[-1]}={_short(value)}" for key, value in values.items()]
    return ",".join([f"{number:04d}", *parts]).replace("/", "_")[:120]


def _short(value: str) -> str:
    try:
        return value if len(value) < 8 else f"{float(value):.3g}"
    except ValueError:
        return value
