"""The command line as tests call it: a process of its own a call, without paying for imports each time.

A fork server imports PyTorch, Lightning and the package once (`tests/preloaded.py`); each call is a fresh
fork of it that has run nothing yet.
Where there are no forks (Windows), each call is a new process.
"""

import multiprocessing
import os
import subprocess
import sys
from multiprocessing.process import BaseProcess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "COLUMNS": "120"}
PRELOAD = ["tests.preloaded"]
TIMEOUT_S = 600


class Musicgen:
    """Calls verbs in a folder of its own, as a user does.

    Args:
        folder: Where the command is called.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *arguments: str, fails: bool | None = False) -> subprocess.CompletedProcess:
        """Run a verb to its end; show what it said when it ends otherwise than it should, None for anyhow."""
        forks = "forkserver" in multiprocessing.get_all_start_methods()
        done = _forked(arguments, folder=self.folder) if forks else _started(arguments, folder=self.folder)
        assert fails is None or (done.returncode != 0) == fails, f"{arguments}\n{done.stdout}\n{done.stderr}"
        return done


def _started(arguments: tuple[str, ...], *, folder: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "musicgen", *arguments],
        cwd=folder,
        env={**os.environ, **ENVIRONMENT},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )


def begin(arguments: tuple[str, ...], *, folder: Path, files: list[Path]) -> BaseProcess:
    """Start a verb in a folder as a fork; what it says goes to two files, streams apart."""
    os.environ["OMP_NUM_THREADS"] = "1"  # the server reads it once, where it loads PyTorch
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    environment = {**os.environ, **ENVIRONMENT}
    process = context.Process(target=_run, args=(arguments, folder, files, environment), daemon=False)
    process.start()
    return process


def _forked(arguments: tuple[str, ...], *, folder: Path) -> subprocess.CompletedProcess:
    files = [folder / f".{name}-{os.getpid()}" for name in ("stdout", "stderr")]
    process = begin(arguments, folder=folder, files=files)
    process.join(TIMEOUT_S)
    if process.is_alive():
        process.kill()
        raise TimeoutError(f"musicgen {' '.join(arguments)} is not done after {TIMEOUT_S} s")
    said = [file.read_text(errors="replace") for file in files]
    for file in files:
        file.unlink()
    return subprocess.CompletedProcess(arguments, process.exitcode or 0, *said)


def _run(arguments: tuple[str, ...], folder: Path, files: list[Path], environment: dict[str, str]) -> None:
    """Be the process: streams into files, the user's folder, arguments and environment."""
    for descriptor, file in zip((1, 2), files, strict=True):
        opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(opened, descriptor)
    sys.stdout, sys.stderr = (os.fdopen(descriptor, "w", buffering=1) for descriptor in (1, 2))
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [str(ROOT / "musicgen" / "__main__.py"), *arguments]
    from musicgen.__main__ import main

    try:
        main()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
