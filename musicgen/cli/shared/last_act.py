"""What a sweep does when its jobs are over, as a Hydra callback that may fail."""

import sys
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig


class LastAct(Callback):
    """End a sweep with its last act, and with status 1 when that fails.

    Hydra turns what a callback raises into a warning and ends with status 0.
    """

    def finish(self, config: DictConfig) -> None:
        """Do the last act of the sweep of a config."""
        raise NotImplementedError

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Do it; say in one sentence what went wrong."""
        try:
            self.finish(config)
        except Exception as error:  # noqa: BLE001  (whatever it is: nobody would see it)
            said = str(error) or type(error).__name__
            place = config.hydra.sweep.dir
            print(f"The jobs of {place} are over, but not their end: {said}", file=sys.stderr)
            sys.exit(1)
