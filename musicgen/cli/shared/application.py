"""What every verb shares: a Hydra application, short messages for mistakes, full ones for faults."""

import gc
import logging
import os
import shlex
import sys
import traceback
import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import wraps
from itertools import pairwise
from pathlib import Path
from typing import Any

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import ConfigCompositionException, InstantiationException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from musicgen.cli.shared.claim import SHARED, claim
from musicgen.cli.shared.settings.check import composed
from musicgen.cli.shared.settings.command_line import CommandLine, read_command_line
from musicgen.cli.shared.settings.preflight import check_jobs
from musicgen.cli.shared.settings.refusal import STORY_ON_REQUEST, refusing, said, tell_whole_story
from musicgen.cli.shared.settings.setting import OUTPUT_FOLDERS
from musicgen.cli.shared.settings.sweep_names import naming
from musicgen.cli.shared.settings.usage import UsageError
from musicgen.config.grammar import quoted
from musicgen.config.tree import config_dir

ERROR_FILE = "error.txt"
FOLDERS = ("MUSICGEN_CACHE", "GIANTMIDI_ROOT")  # variables that name folders
HELP = frozenset(("--help", "-h"))
FAILED = "failed"  # what a job of a sweep returns instead of raising
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

Task = Callable[[DictConfig], None]
WhySettled = Callable[[DictConfig, Path], str]


@dataclass(frozen=True)
class Plan:
    """What a command line comes to, once all is checked and the folder is claimed.

    Attributes:
        line: What was typed.
        overrides: What Hydra is started with.
        is_sweep: Many jobs.
        settled: Why there is nothing to do; empty where there is.
    """

    line: CommandLine
    overrides: tuple[str, ...]
    is_sweep: bool
    settled: str = ""


def launch(task: Task, *, verb: str, why_settled: WhySettled | None = None) -> None:
    """Run a task as the Hydra application of a verb, with the arguments of the command line.

    A command line that cannot be carried out ends with one sentence and status 2, before anything is
    written. What only the work shows (a file, a shape, a bug) ends with one sentence and status 1, and
    `error.txt` in the folder has the traceback. In a sweep, a job that fails lets the others go on.

    Args:
        task: Takes the composed config.
        verb: Name of the top config and of the program in messages.
        why_settled: Says why the run of a config and a folder has nothing to do; it is left as it is.
    """
    program, arguments = sys.argv[:2], sys.argv[2:]
    sys.argv = [f"musicgen {verb}", *arguments]
    for name in FOLDERS:
        if os.environ.get(name):
            os.environ[name] = os.path.abspath(os.path.expanduser(os.environ[name]))
    failed = 0
    try:
        with hydra.initialize_config_dir(str(config_dir()), job_name=_job_name(task), version_base="1.3"):
            with refusing():
                plan = planned(arguments, verb=verb, why_settled=why_settled or _never_settled)
            if plan.settled:
                print(f"Skipped: {plan.settled}")  # before Hydra writes into the folder
            elif not plan.line.options:
                failed = _run(plan, _guarded(task, program, why_settled or _never_settled))
        if plan.line.options and not HELP & set(plan.line.options):
            _show(plan.line)
    except UsageError as error:
        tell_whole_story(error)
        print(f"musicgen {error}" if str(error).startswith(f"{verb} ") else str(error), file=sys.stderr)
        sys.exit(error.status)
    except (KeyboardInterrupt, SystemExit) as error:
        if isinstance(error, SystemExit) and not isinstance(error.__context__, KeyboardInterrupt):
            raise
        raise KeyboardInterrupt(_interrupted(verb)) from error  # Lightning turns Ctrl-C into status 1
    except Exception as error:  # noqa: BLE001  (of Hydra or a launcher, around the jobs; said, not lost)
        tell_whole_story(error)
        is_killed = type(error).__name__ == "TerminatedWorkerError"  # joblib's; it is an extra
        print(KILLED_WORKER if is_killed else f"{said(error)} ({STORY_ON_REQUEST})", file=sys.stderr)
        sys.exit(UsageError.status if isinstance(error, ConfigCompositionException) else 1)
    if failed:
        sys.exit(1)


def _interrupted(verb: str) -> str:
    """Say after Ctrl-C how to go on."""
    said = f"{verb} is interrupted"
    if verb != "train" or not HydraConfig.initialized():
        return said
    hydra = HydraConfig.get()
    folder = Path(hydra.sweep.dir if hydra.mode == RunMode.MULTIRUN else hydra.run.dir)
    if not any((folder / name).exists() for name in (".hydra", "multirun.yaml")):
        return said
    return f"{said}; what is finished is kept: musicgen train resume={shlex.quote(str(folder))} goes on"


def _job_name(task: Task) -> str:
    return task.__module__.rpartition(".")[2]


def planned(arguments: Sequence[str], *, verb: str, why_settled: WhySettled) -> Plan:
    """Do all that comes before the work: read, compose, check, and, as the first write, claim the folder.

    Args:
        arguments: What was typed after the verb.
        verb: The verb.
        why_settled: Says why the run of a config and a folder has nothing to do.

    Raises:
        UsageError: The command line cannot be carried out; the message says what to type.
        Exception: Whatever else settings, files and classes raise; `refusing` makes a sentence of it.
    """
    line = read_command_line(arguments, verb=verb)
    if line.options:
        _check_asked(line)
        return Plan(line, line.overrides, is_sweep=False)
    if _rank() > 0:
        return Plan(line, line.overrides, is_sweep=False)
    config = composed(line)
    is_sweep = line.is_sweep or config.hydra.mode == RunMode.MULTIRUN
    if not is_sweep and (swept := _swept_by_experiment(config)):
        name = config.hydra.runtime.choices.experiment
        print(f"experiment={name} sweeps over {swept}: running it as with -m")
        is_sweep = True
    check_jobs(config, verb=verb, is_sweep=is_sweep)
    if not is_sweep and (reason := why_settled(config, Path(config.hydra.run.dir))):
        return Plan(line, line.overrides, is_sweep=False, settled=reason)
    names = naming(line.overrides, config=config) if is_sweep else []
    if config.hydra.output_subdir is not None:
        names += _claimed(config, line, is_sweep=is_sweep)
    return Plan(line, (*line.overrides, *names), is_sweep=is_sweep)


def _never_settled(config: DictConfig, folder: Path) -> str:
    return ""


def _check_asked(line: CommandLine) -> None:
    """Check what Hydra is to show; show the verb's own help."""
    if HELP & set(line.options):
        from musicgen.cli.shared.settings.help_page import print_help

        print_help(composed(line), verb=line.verb)
    elif not {"--hydra-help", "--version", "--shell-completion", "-sc"} & set(line.options):
        config, options = composed(line), list(line.options)
        for name, package in pairwise(options):
            if name in ("--package", "-p") and OmegaConf.select(config, package) is None:
                raise UsageError(f"{name} {package}: musicgen {line.verb} has no such group of settings")


def _show(line: CommandLine) -> None:
    """Let Hydra answer what is asked about the config instead of running."""
    sys.argv[1:] = [*line.options, *line.overrides]
    show = hydra.main(version_base="1.3", config_path=str(config_dir()), config_name=line.verb)
    show(lambda config: None)()


def _run(plan: Plan, guarded: Callable[[DictConfig], Any]) -> int:
    """Do the work; return the number of jobs that failed."""
    gc.freeze()
    gc.enable()
    application: Any = GlobalHydra.instance().hydra
    if not plan.is_sweep:
        application.run(plan.line.verb, guarded, [*plan.overrides, "hydra.mode=RUN"])
        return 0
    returned = application.multirun(plan.line.verb, guarded, [*plan.overrides, "hydra.mode=MULTIRUN"])
    return sum(job.return_value == FAILED for job in _jobs(returned))


def _jobs(returned: Any) -> Iterable[Any]:
    """List what the jobs of a sweep returned; sweepers that search return something else."""
    for batch in returned if isinstance(returned, list) else []:
        yield from batch if isinstance(batch, list | tuple) else []


def _swept_by_experiment(config: DictConfig) -> str:
    """Write what a chosen experiment sweeps over and the command line has not fixed; empty for nothing."""
    params = OmegaConf.select(config, "hydra.sweeper.params") or {}
    typed = {str(override).partition("=")[0].lstrip("+~") for override in config.hydra.overrides.task}
    return " ".join(f"{key}={value}" for key, value in params.items() if key not in typed)


def _rank() -> int:
    """Give the number of this process among those of one run; all but the first join what that one began."""
    names = ("RANK", "LOCAL_RANK", "SLURM_PROCID")
    return int(next((os.environ[name] for name in names if os.environ.get(name)), 0))


def _claimed(config: DictConfig, line: CommandLine, *, is_sweep: bool) -> list[str]:
    """Make the output folder this verb's own; return the override that names it where the user did not."""
    setting, other = OUTPUT_FOLDERS[::-1] if is_sweep else OUTPUT_FOLDERS
    named = {key: value for key, _, value in (one.lstrip("+").partition("=") for one in line.overrides)}
    if line.verb in SHARED:
        setting, unread = "folder", OUTPUT_FOLDERS
    else:
        unread = (other,)
    for key in unread:
        if key in named:
            raise UsageError(
                f"{key}={named[key]}: musicgen {line.verb} {'-m ' if is_sweep else ''}does not write there; "
                f"type {setting}={named[key]}"
            )
    goes_on = bool(config.get("resume")) or int(os.environ.get("SLURM_RESTART_COUNT") or 0) > 0
    is_named = setting in named
    folder = claim(config, verb=line.verb, is_sweep=is_sweep, is_named=is_named, goes_on=goes_on)
    return [] if is_named or line.verb in SHARED else [f"{setting}={quoted(str(folder))}"]


def _guarded(task: Task, program: list[str], why_settled: WhySettled) -> Callable[[DictConfig], str | None]:
    """Wrap a task so that its errors are recorded and said in the right length."""

    @wraps(task)
    def guarded(config: DictConfig) -> str | None:
        for message in KNOWN_WARNINGS:  # in the process of the job, which a launcher may have started
            warnings.filterwarnings("ignore", message=message)
        job = HydraConfig.get()
        sys.argv = [*program, *job.overrides.task]  # what further processes of this job are started with
        folder = Path(job.runtime.output_dir)
        if reason := why_settled(config, folder):
            log.info("Skipped: %s", reason)
            return None
        keeps_records = job.output_subdir is not None  # else the folder is the user's own
        if keeps_records:
            with suppress(OSError):
                (folder / ERROR_FILE).unlink(missing_ok=True)
        try:
            task(config)
        except Exception as error:  # noqa: BLE001  (recorded and said)
            tell_whole_story(error)
            if keeps_records:
                with suppress(OSError):  # the disk may be what failed
                    built = isinstance(error, InstantiationException) and error.__cause__
                    story = "".join(traceback.format_exception(built or error))  # the last line is the reason
                    (folder / ERROR_FILE).write_text(story, encoding="utf-8")
            log.error("%s", said(error))
            log.info(
                "%s", f"The whole story is in {folder / ERROR_FILE}" if keeps_records else STORY_ON_REQUEST
            )
            if job.mode != RunMode.MULTIRUN:
                sys.exit(1)
            return FAILED
        return None

    return guarded
