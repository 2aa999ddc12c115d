"""How many threads PyTorch uses: as many as cores are free, unless a number was asked for."""

import functools
import logging
from dataclasses import dataclass

import torch

from musicgen.files.free_cores import free_cores
from musicgen.files.workers import available_cores

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Threads:
    """A number of threads and why it was chosen.

    Attributes:
        number: Threads of PyTorch.
        reason: In a few words.
    """

    number: int
    reason: str

    def __str__(self) -> str:
        """Write both in one line: `2 threads: both cores are free`."""
        return f"{self.number} thread{'' if self.number == 1 else 's'}: {self.reason}"

    def use(self) -> None:
        """Let PyTorch compute with so many threads, and log it where that is a change."""
        if _last_logged[0] != str(self):
            log.info("%s", self)
            _last_logged[0] = str(self)
        torch.set_num_threads(self.number)


_last_logged = [""]


@dataclass(frozen=True)
class ThreadPolicy:
    """How to choose threads at the start of a stage.

    Attributes:
        asked: A fixed number; None counts the free cores each time.
        share: At most so many: the cores of this job, of several side by side.
    """

    asked: int | None = None
    share: int = 1

    def choose(self) -> Threads:
        """Choose a number; watches the cores for a quarter of a second unless one was asked for.

        PyTorch's threads wait for each other by spinning, so more threads than free cores make a training
        step several times slower than one thread would.
        """
        if self.asked:
            return Threads(self.asked, "as asked for")
        cores = available_cores()
        if self.share == 1 and cores > 1:
            return Threads(1, f"its share of {cores} cores")
        free = free_cores()
        if free > self.share:
            return Threads(self.share, f"its share of {cores} cores")
        return Threads(free, _free_text(free, cores))


@functools.cache
def usual_threads() -> int:
    """Return the threads of this process before anybody chose: `OMP_NUM_THREADS`, or one per core."""
    return torch.get_num_threads()


def use_threads(asked: int | None) -> None:
    """Choose threads for a process that works alone, and use them.

    Args:
        asked: A fixed number; None takes as many as cores are free.
    """
    ThreadPolicy(asked=asked, share=usual_threads()).choose().use()


def _free_text(free: int, cores: int) -> str:
    if free == cores:
        texts = {1: "there is one core", 2: "both cores are free"}
        return texts.get(cores, f"all {cores} cores are free")
    if free == 1:
        return "the other core is busy" if cores == 2 else "the other cores are busy"
    return f"{cores - free} of {cores} cores {'is' if cores - free == 1 else 'are'} busy"
