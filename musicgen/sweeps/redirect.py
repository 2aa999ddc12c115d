"""Redirect a parallel job's output to screen.txt so that the live table stays intact."""

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from musicgen.sweeps.resources import launcher_name

SCREEN_FILE = "screen.txt"
_STREAMS = (1, 2)


@contextlib.contextmanager
def redirected_screen(hydra: Any, *, folder: Path) -> Iterator[None]:
    """Redirect stdout and stderr to `screen.txt` while a live table of all jobs is shown.

    Log messages go to the job's log only, and progress bars are not drawn.

    Args:
        hydra: The Hydra part of the job's config.
        folder: The run folder.
    """
    has_table = OmegaConf.select(hydra, "callbacks.start.table", default=False)
    if not has_table or launcher_name(hydra) == "basic" or not os.isatty(2):
        yield
        return
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if type(handler) is logging.StreamHandler]:
        root.removeHandler(handler)  # for good: messages after the block must not reach the terminal
    path, kept = folder / SCREEN_FILE, [os.dup(stream) for stream in _STREAMS]
    try:
        with path.open("ab") as file:
            _redirect(_STREAMS, [file.fileno()] * len(_STREAMS))
        yield
    finally:
        _redirect(_STREAMS, kept)
        for stream in kept:
            os.close(stream)
        if path.is_file() and not path.stat().st_size:
            path.unlink()


def _redirect(streams: tuple[int, ...], targets: list[int]) -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    for stream, target in zip(streams, targets, strict=True):
        os.dup2(target, stream)
