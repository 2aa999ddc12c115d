"""musicgen runs: list runs, show what they were made of, prune what is of no more use."""

import sys
from pathlib import Path

from omegaconf import DictConfig

from musicgen.cli.shared.application import launch


def runs(config: DictConfig) -> None:
    """List, show or prune."""
    folders = [Path(folder) for folder in config.runs]
    {"list": _list, "show": _show, "prune": _prune}[config.action](folders, config)


def _list(folders: list[Path], config: DictConfig) -> None:
    from rich.console import Console

    from musicgen.sweeps.housekeeping import read_usage, readable, usage_table

    found = read_usage(folders)
    if sys.stdout.isatty():
        Console(highlight=False).print(usage_table(found))
    else:  # a whole line for each run, to be searched
        for one in found:
            print(f"{one.run.status:<10} {readable(one.num_bytes):>9}  {one.trained_on:<32} {one.run.folder}")
    print(f"{len(found)} runs, {readable(sum(one.num_bytes for one in found))}")


def _show(folders: list[Path], config: DictConfig) -> None:
    from musicgen.sweeps.housekeeping import read_usage

    for one in read_usage(folders):
        print("\n".join(one.description()))


def _prune(folders: list[Path], config: DictConfig) -> None:
    from musicgen.sweeps.housekeeping import readable, removable, total

    cache = Path(config.cache_dir) if config.cache_dir else None
    found = removable(folders, cache=cache, failed=config.failed, last=config.last)
    for one in found:
        freed = readable(one.num_bytes) if one.num_bytes else "shared"
        print(f"{freed:>9}  {one.path}: {one.reason}")
        if config.delete:
            one.remove()
    done = "freed" if config.delete else "to free; delete=true removes them"
    print(f"{len(found)} items, {readable(total(found))} {done}" if found else "nothing to remove")


def main() -> None:
    """Run the verb."""
    launch(runs, verb="runs")
