"""The study: where trials are kept, so that a search resumes and several workers share it."""

import contextlib
import logging
import os
import random
import socket
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from musicgen.config.keys import of_experiment
from musicgen.search.objectives import Objective

if TYPE_CHECKING:
    from optuna import Study
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.storages import RDBStorage

log = logging.getLogger(__name__)

LOCK_TIMEOUT_S = 120  # how long a worker waits for the others to let go of an SQLite file
OPENINGS = 5  # how often a storage is tried before it is called broken
TWIN = "twin_of"  # the trial that had the same settings before
MAX_RETRIES = 2  # of a trial whose worker was killed


def open_study(
    name: str,
    *,
    storage: str,
    objectives: Sequence[Objective],
    settings: Sequence[str] = (),
    sampler: "BaseSampler | None" = None,
    pruner: "BasePruner | None" = None,
    heartbeat_s: int = 30,
) -> "Study":
    """Open a study, or begin it.

    Args:
        name: Of the study; workers with the same name and storage share it.
        storage: `sqlite:///FILE` on one machine, `postgresql://USER@HOST/DATABASE` across machines.
        objectives: What it is after.
        settings: Of all its runs, as `key=value`; a study has one set of them.
        sampler: Proposes settings; None takes Optuna's own.
        pruner: Finds hopeless trials; None keeps all.
        heartbeat_s: How often a worker says that it lives; a trial silent for four times as long is
            taken over by another worker.

    Returns:
        The study.

    Raises:
        ValueError: The storage cannot be opened, or the study in it is another one.
        ImportError: Optuna or the driver of the storage is not installed.
    """
    optuna = import_optuna()
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)  # heartbeats, names
    from sqlalchemy.exc import SQLAlchemyError

    for patience in range(OPENINGS):  # workers that begin a study at once meet while they make its tables
        try:
            study = optuna.create_study(
                study_name=name,
                storage=open_storage(storage, heartbeat_s=heartbeat_s),
                sampler=sampler,
                pruner=pruner or optuna.pruners.NopPruner(),
                directions=[one.direction for one in objectives],
                load_if_exists=True,
            )
            break
        except (SQLAlchemyError, optuna.exceptions.OptunaError) as error:
            if patience + 1 == OPENINGS or isinstance(error, optuna.exceptions.DuplicatedStudyError):
                first = str(error).splitlines()[0]
                raise ValueError(f"storage={without_password(storage)} cannot be opened: {first}") from error
            time.sleep(0.2 + random.random())
    names = [one.name for one in objectives]
    same = {"metrics": names, "settings": sorted(of_experiment(map(str, settings)))}
    for attribute, value in same.items():
        known = study.user_attrs.get(attribute, value)
        if known != value:
            raise ValueError(
                f"study={name} in {without_password(storage)} was begun with other {attribute}: "
                f"{', '.join(known)}, not {', '.join(value)}; use another study=NAME"
            )
        study.set_user_attr(attribute, value)
    study.set_metric_names(names)
    return study


def open_storage(url: str, *, heartbeat_s: int) -> "RDBStorage":
    """Open a database of trials so that several workers can write to it at once.

    Args:
        url: As for `open_study`.
        heartbeat_s: As for `open_study`.

    Returns:
        The storage.

    Raises:
        ImportError: The driver of the database is not installed.
    """
    optuna = import_optuna()
    engine: dict[str, Any] = {"pool_pre_ping": True}  # a server that was restarted is no reason to die
    if url.startswith("sqlite:///"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
        engine = {"connect_args": {"timeout": LOCK_TIMEOUT_S}}
    elif url.startswith(("postgres://", "postgresql://")):
        url = "postgresql+psycopg://" + url.partition("://")[2]
    try:
        return optuna.storages.RDBStorage(
            url,
            engine_kwargs=engine,
            heartbeat_interval=heartbeat_s,
            grace_period=4 * heartbeat_s,
            heartbeat_stale_trial_callback=queue_again,
        )
    except ImportError as error:
        raise ImportError(
            f"storage={without_password(url)} needs a driver: pip install 'musicgen-lab[postgres]'"
        ) from error


def queue_again(study: "Study", trial: Any) -> None:
    """Queue the settings of a trial whose worker is gone; it goes on in the same run folder.

    Args:
        study: The study.
        trial: A trial that will not be finished by whoever began it.
    """
    tries = trial.user_attrs.get("tries", 1)
    if tries > MAX_RETRIES:
        log.warning("Trial %d was left %d times and is not tried again", trial.number, tries)
        return
    kept = {"folder": trial.user_attrs.get("folder"), "tries": tries + 1}
    study.enqueue_trial(trial.params, user_attrs=kept)
    log.info("Trial %d has no worker any more; its settings are queued again", trial.number)


def release_left(study: "Study") -> None:
    """Queue again what nobody works on any more: killed on this machine, or silent for too long.

    Args:
        study: The study.
    """
    optuna = import_optuna()
    for trial in study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):
        host, _, pid = trial.user_attrs.get("worker", ":").rpartition(":")
        if host == socket.gethostname() and not _is_alive(int(pid)):
            with contextlib.suppress(
                ValueError, optuna.exceptions.UpdateFinishedTrialError
            ):  # another saw it
                study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
                queue_again(study, trial)
    optuna.storages.fail_stale_trials(study)


def this_worker() -> str:
    """Name this process for others on the same machine."""
    return f"{socket.gethostname()}:{os.getpid()}"


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def open_places(study: "Study", num_trials: int) -> int:
    """Count the trials that nobody has begun yet; failed ones and twins of others do not count as trials."""
    from optuna.trial import TrialState

    begun = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)
    trials = study.get_trials(deepcopy=False, states=begun)
    return num_trials - sum(TWIN not in trial.user_attrs for trial in trials)


def without_password(url: str) -> str:
    """Leave the password out of a storage's address before it is shown."""
    scheme, separator, rest = url.partition("://")
    user, at, place = rest.rpartition("@")
    return f"{scheme}{separator}{user.partition(':')[0]}{at}{place}"


def import_optuna() -> Any:
    """Import Optuna, quietly: each trial is told by our own lines.

    Raises:
        ImportError: It is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise ImportError("musicgen search needs Optuna: pip install 'musicgen-lab[search]'") from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna
