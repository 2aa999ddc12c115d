"""What calls of the command line have in common, done once by the server from which they are forked.

Imports, the parse of all sources whose digest decides what may be reused, and the first reading of Hydra's
grammar take some 1.6 CPU seconds of a call that trains (2-core AMD EPYC).
"""

import importlib
import pkgutil
import sys

import hydra

from musicgen.config.tree import config_dir

sys.dont_write_bytecode = False  # workers start with -B, and every fork would compile its own imports anew

PACKAGES = ("musicgen.cli", "musicgen.pipeline.stages")
OTHERS = (
    "musicgen.cli.shared.build_run",
    "musicgen.data.sources.folder",
    "musicgen.pipeline.pipeline",
    "musicgen.reports.pages.comparison_page",
    "matplotlib.backends.backend_agg",
    "tests.command",
)


def preload() -> None:
    """Import, parse and compose what most calls need."""
    names = list(OTHERS)
    for package in map(importlib.import_module, PACKAGES):
        names += [f"{package.__name__}.{module.name}" for module in pkgutil.iter_modules(package.__path__)]
    for name in names:
        importlib.import_module(name)
    from musicgen.cli.shared.settings.check import composed
    from musicgen.cli.shared.settings.command_line import read_command_line
    from musicgen.pipeline.reuse.imports import closure

    closure(name for name in names if name.startswith("musicgen.pipeline.stages."))
    with hydra.initialize_config_dir(str(config_dir()), version_base="1.3"):
        composed(read_command_line(["data=corpus"], verb="train"))


if __name__ == "tests.preloaded":
    preload()
