"""musicgen compare: put runs side by side."""

import shlex
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from musicgen.cli.shared.application import launch
from musicgen.cli.shared.last_act import LastAct


class CompareSweep(LastAct):
    """Compare the runs of a sweep as its last act, and end with an error when one of them failed."""

    def finish(self, config: DictConfig) -> None:
        """Write the comparison into the sweep's folder and show it."""
        folder = Path(config.hydra.sweep.dir)
        failed = _compare([folder], folder=folder)
        if failed:
            print(f"{failed} job(s) failed; see error.txt in their folders", file=sys.stderr)
            sys.exit(1)


def compare(config: DictConfig) -> None:
    """Compare the runs that the config names."""
    options = {str(name): _plain(config[name]) for name in config if name != "runs"}
    job = HydraConfig.get()
    asked = [one.lstrip("+") for one in job.overrides.task if not one.startswith("runs=")]
    command = shlex.join(["musicgen", "compare", *map(str, config.runs), *asked])
    _compare(config.runs, folder=Path(job.runtime.output_dir), command=command, **options)


def _plain(value: Any) -> Any:
    return OmegaConf.to_object(value) if OmegaConf.is_config(value) else value


def _compare(runs: Iterable[str | Path], *, folder: Path, **options: Any) -> int:
    """Show and write a comparison; give the number of runs that failed."""
    from musicgen.reports.compare.compare import compare_runs
    from musicgen.reports.compare.terminal import print_comparison
    from musicgen.reports.compare.verdict import leading_folders

    comparison = compare_runs(runs, output_dir=folder, **options)
    print_comparison(comparison)
    for number, place in leading_folders(comparison):
        print(f"{f'run {number}':<9} {place}")
    for kind, path in comparison.files.items():
        print(f"{kind:<9} {path}")
    return sum(run.status == "failed" for run in comparison.runs)


def main() -> None:
    """Run the verb."""
    launch(compare, verb="compare")
