"""Piano music in MIDI: slices, codes, a prior over codes, new pieces, and runs to compare."""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from musicgen.generation.loaded_run import LoadedRun

__all__ = ["__version__", "load"]
__version__ = "0.2.0"


def load(run: str | Path) -> "LoadedRun":
    """Open a run folder to encode, decode, generate and continue from Python.

    PyTorch is imported only now, so that `import musicgen` stays light.

    Args:
        run: A run folder, the name of a run below `outputs/`, or an installed model (`giantmidi-small`).

    Raises:
        FileNotFoundError: There is no such run, or it has no autoencoder.
        ValueError: The checkpoint is damaged, of a newer format, or names classes it may not.
    """
    return import_module("musicgen.generation.loaded_run").load(run)
