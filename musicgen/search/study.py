"""Optuna studies that resume and that several workers share."""

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

LOCK_TIMEOUT_S = 120  # how long a worker waits for the lock of an SQLite file
OPENINGS = 5  # attempts to open a storage
DUPLICATE_OF = "twin_of"  # attribute: number of an earlier trial with the same settings
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
    """Open or create a study.

    Args:
        name: Name of the study; workers with the same name and storage share it.
        storage: `sqlite:///FILE` on one machine, `postgresql://USER@HOST/DATABASE` across machines.
        objectives: The objectives.
        settings: Settings shared by all runs, as `key=value`; fixed per study.
        sampler: Proposes settings; None for Optuna's default.
        pruner: Stops unpromising trials; None for no pruning.
        heartbeat_s: Heartbeat interval of a worker; a trial without one for four times as long is retried by
            another worker.

    Returns:
        The study.

    Raises:
        ValueError: The storage cannot be opened, or its study has other objectives or settings.
        ImportError: Optuna or the driver of the storage is not installed.
    """
    optuna = import_optuna()
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)  # heartbeats, names
    methods = {"sampler": sampler, "pruner": pruner or optuna.pruners.NopPruner()}
    directions = [objective.direction for objective in objectives]
    study = _created(storage, heartbeat_s, study_name=name, directions=directions, **methods)
    names = [objective.name for objective in objectives]
    same = {"metrics": names, "settings": sorted(of_experiment(map(str, settings)))}
    for attribute, value in same.items():
        known = study.user_attrs.get(attribute, value)
        if known != value:
            raise ValueError(
                f"study={name} in {without_password(storage)} was created with other {attribute}: "
                f"{', '.join(known)}, not {', '.join(value)}; use another study=NAME"
            )
        study.set_user_attr(attribute, value)
    study.set_metric_names(names)
    return study


def _created(storage: str, heartbeat_s: int, **study: Any) -> "Study":
    """Create or load a study; concurrent workers may collide when they create tables, and try again."""
    from sqlalchemy.exc import SQLAlchemyError

    optuna = import_optuna()
    for attempt in range(1, OPENINGS + 1):
        try:
            opened = open_storage(storage, heartbeat_s=heartbeat_s)
            return optuna.create_study(storage=opened, load_if_exists=True, **study)
        except (SQLAlchemyError, optuna.exceptions.OptunaError) as error:
            if attempt == OPENINGS or isinstance(error, optuna.exceptions.DuplicatedStudyError):
                first = str(error).splitlines()[0]
                raise ValueError(f"storage={without_password(storage)} cannot be opened: {first}") from error
            time.sleep(0.2 + random.random())
    raise AssertionError("OPENINGS is 0")


def check_storage(url: str) -> None:
    """Refuse the address of a database that no driver here could open; nothing is connected to.

    Args:
        url: As for `open_study`.

    Raises:
        ValueError: It is none, or of a database that is not known.
        ImportError: Optuna or the driver of the database is not installed.
    """
    import_optuna()
    from sqlalchemy import make_url
    from sqlalchemy.exc import SQLAlchemyError

    try:
        make_url(_with_driver(url)).get_dialect().import_dbapi()
    except SQLAlchemyError as error:
        raise ValueError(
            f"storage={without_password(url)} is no address of a database; type sqlite:///FILE or "
            "postgresql://USER@HOST/DATABASE"
        ) from error
    except ImportError as error:
        raise _no_driver(url) from error


def open_storage(url: str, *, heartbeat_s: int) -> "RDBStorage":
    """Open a database of trials for concurrent workers.

    Args:
        url: As for `open_study`.
        heartbeat_s: As for `open_study`.

    Returns:
        The storage.

    Raises:
        ImportError: The driver of the database is not installed.
    """
    optuna = import_optuna()
    engine: dict[str, Any] = {"pool_pre_ping": True}  # survive server restarts
    if url.startswith("sqlite:///"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
        engine = {"connect_args": {"timeout": LOCK_TIMEOUT_S}}
    try:
        return optuna.storages.RDBStorage(
            _with_driver(url),
            engine_kwargs=engine,
            heartbeat_interval=heartbeat_s,
            grace_period=4 * heartbeat_s,
            heartbeat_stale_trial_callback=requeue,
        )
    except ImportError as error:
        raise _no_driver(url) from error


def _with_driver(url: str) -> str:
    is_postgres = url.startswith(("postgres://", "postgresql://"))
    return f"postgresql+psycopg://{url.partition('://')[2]}" if is_postgres else url


def _no_driver(url: str) -> ImportError:
    return ImportError(
        f"storage={without_password(url)} needs a driver: pip install 'musicgen-lab[postgres]'"
    )


def requeue(study: "Study", trial: Any) -> None:
    """Queue the settings of a trial whose worker died; it resumes in the same run folder.

    Args:
        study: The study.
        trial: A trial whose worker died.
    """
    tries = trial.user_attrs.get("tries", 1)
    if tries > MAX_RETRIES:
        log.warning("Trial %d was abandoned %d times and is not retried", trial.number, tries)
        return
    kept = {"folder": trial.user_attrs.get("folder"), "tries": tries + 1}
    study.enqueue_trial(trial.params, user_attrs=kept)
    log.info("The worker of trial %d died; its settings are queued again", trial.number)


def requeue_abandoned(study: "Study") -> None:
    """Queue abandoned trials again: those killed on this machine, or without a heartbeat.

    Args:
        study: The study.
    """
    optuna = import_optuna()
    for trial in study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):
        host, _, pid = trial.user_attrs.get("worker", ":").rpartition(":")
        if host == socket.gethostname() and not _is_alive(int(pid)):
            with contextlib.suppress(
                ValueError, optuna.exceptions.UpdateFinishedTrialError
            ):  # another worker was first
                study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
                requeue(study, trial)
    optuna.storages.fail_stale_trials(study)


def this_worker() -> str:
    """Identify this process as HOST:PID."""
    return f"{socket.gethostname()}:{os.getpid()}"


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def trials_left(study: "Study", num_trials: int) -> int:
    """Count the trials that are still to start; failed ones and duplicates do not count."""
    from optuna.trial import TrialState

    begun = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)
    trials = study.get_trials(deepcopy=False, states=begun)
    return num_trials - sum(DUPLICATE_OF not in trial.user_attrs for trial in trials)


def without_password(url: str) -> str:
    """Remove the password from a storage URL."""
    scheme, separator, rest = url.partition("://")
    user, at, place = rest.rpartition("@")
    return f"{scheme}{separator}{user.partition(':')[0]}{at}{place}"


def import_optuna() -> Any:
    """Import Optuna and silence its log, as trials are logged here.

    Raises:
        ImportError: It is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise ImportError("musicgen search needs Optuna: pip install 'musicgen-lab[search]'") from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna
