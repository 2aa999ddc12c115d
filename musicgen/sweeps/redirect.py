"""The screen of a job that runs beside others, which belongs to the table of them all."""

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
    """Keep the terminal clear where it shows the table of all jobs: messages are in the job's log anyway.

    Bars, which are of no use in a file, are not drawn; warnings of libraries go to `screen.txt`.

    Args:
        hydra: The Hydra part of the job's config.
        folder: Of the run.
    """
    has_table = OmegaConf.select(hydra, "callbacks.start.table", default=False)
    if not has_table or launcher_name(hydra) == "basic" or not os.isatty(2):
        yield
        return
    root = logging.getLogger()
    for handler in [one for one in root.handlers if type(one) is logging.StreamHandler]:
        root.removeHandler(handler)  # also for what is said when the block is over
    path, kept = folder / SCREEN_FILE, [os.dup(stream) for stream in _STREAMS]
    try:
        with path.open("ab") as file:
            _point(_STREAMS, [file.fileno()] * len(_STREAMS))
        yield
    finally:
        _point(_STREAMS, kept)
        for stream in kept:
            os.close(stream)
        if path.is_file() and not path.stat().st_size:
            path.unlink()


def _point(streams: tuple[int, ...], targets: list[int]) -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    for stream, target in zip(streams, targets, strict=True):
        os.dup2(target, stream)
