"""What every verb shares: a Hydra application, short messages for mistakes, full ones for faults."""

import logging
import sys
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import InstantiationException
from hydra.types import RunMode
from omegaconf import DictConfig

from musicgen.cli.shared.quoting import added_to_table, quoted_path
from musicgen.cli.shared.sweep_names import named_by_differences
from musicgen.config.tree import config_dir

ERROR_FILE = "error.txt"
SHORT = (ValueError, OSError, FloatingPointError, ImportError)  # the message says what to do: no traceback
KILLED_WORKER = (
    "The process of a job was killed, perhaps for want of memory (fewer at once: hydra.launcher.n_jobs=1). "
    "What is done is kept: give the same command again for shards, or train resume=DIR for a sweep."
)
KNOWN_WARNINGS = (  # of Lightning, about what is meant to be so
    ".*isinstance.treespec, LeafSpec.*",
    ".*does not have many workers.*",
    ".*smaller than the logging interval.*",
    "Checkpoint directory .* exists and is not empty.*",
    "The `srun` command is available.*",  # on the machine where SLURM's jobs are launched
)
log = logging.getLogger(__name__)


def launch(
    task: Callable[[DictConfig], None],
    *,
    verb: str,
    is_settled: Callable[[DictConfig], bool] | None = None,
) -> None:
    """Run a task as the Hydra application of a verb, with the arguments of the command line.

    A mistake of the user (a value, a file) ends with one message. In a sweep, a job that fails leaves
    `error.txt` in its folder and lets the others go on; the comparison at the end tells of it.

    Args:
        task: Takes the composed config.
        verb: Name of the top config and of the program in messages.
        is_settled: Tells of a job that there is nothing to do; it is left as it is.
    """
    program, arguments = sys.argv[:2], sys.argv[2:]
    arguments = [added_to_table(quoted_path(argument)) for argument in arguments]
    sys.argv = [f"musicgen {verb}", *named_by_differences(arguments, verb=verb)]
    application = _guarded(task, program, is_settled or (lambda config: False))
    try:
        hydra.main(version_base="1.3", config_path=str(config_dir()), config_name=verb)(application)()
    except SystemExit as end:  # Hydra has shown the traceback of what came before
        if type(end.__context__).__name__ == "TerminatedWorkerError":  # joblib's; it is an extra
            print(KILLED_WORKER, file=sys.stderr)
        raise


def _guarded(
    task: Callable[[DictConfig], None], program: list[str], is_settled: Callable[[DictConfig], bool]
) -> Callable[[DictConfig], None]:
    """Wrap a task so that its errors are recorded and said in the right length."""

    @wraps(task)
    def guarded(config: DictConfig) -> None:
        for message in KNOWN_WARNINGS:  # in the process of the job, which a launcher may have started
            warnings.filterwarnings("ignore", message=message)
        job = HydraConfig.get()
        sys.argv = [*program, *job.overrides.task]  # what further processes of this job are started with
        folder = Path(job.runtime.output_dir)
        if is_settled(config):
            return
        keeps_records = job.output_subdir is not None  # else the folder is the user's own
        if keeps_records:
            with suppress(OSError):
                (folder / ERROR_FILE).unlink(missing_ok=True)
        try:
            task(config)
        except Exception as error:
            cause = (
                error.__cause__ if isinstance(error, InstantiationException) and error.__cause__ else error
            )
            if keeps_records:
                with suppress(OSError):  # the disk may be what failed
                    story = "".join(traceback.format_exception(cause))  # whose last line is the reason
                    (folder / ERROR_FILE).write_text(story, encoding="utf-8")
            in_sweep = job.mode == RunMode.MULTIRUN
            if not in_sweep and not isinstance(cause, SHORT):
                raise
            log.error("%s", cause)
            if keeps_records:
                log.info("The whole story is in %s", folder / ERROR_FILE)
            if not in_sweep:
                sys.exit(1)

    return guarded
