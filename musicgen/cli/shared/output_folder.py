"""Make sure of the output folder before anything else, and say what to do where it cannot be written."""

import os
import shutil
import sys
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

LEAST_FREE_BYTES = 1 << 16


class CheckFolder(Callback):
    """Stop a verb whose output folder cannot be written, before Hydra fails in it."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Look at the folder of a single job."""
        _check(Path(config.hydra.run.dir), setting="hydra.run.dir")

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Look at the folder of a sweep."""
        _check(Path(config.hydra.sweep.dir), setting="hydra.sweep.dir")


def _check(folder: Path, *, setting: str) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        reason = "" if os.access(folder, os.W_OK) else "it is read-only"
        if not reason and shutil.disk_usage(folder).free < LEAST_FREE_BYTES:
            reason = "its disk is full"
    except OSError as error:
        reason = error.strerror or str(error)
    if reason:
        print(f"{folder} cannot be written: {reason}; make room or give another {setting}", file=sys.stderr)
        sys.exit(1)
