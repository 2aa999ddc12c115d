"""A folder of links to event files, so that TensorBoard shows short names of runs."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from musicgen.reports.runs.differences import differing_settings, run_names
from musicgen.reports.runs.runs import Run


def link_runs(runs: Sequence[Run], folder: Path) -> list[str]:
    """Link the event files of runs into a folder each, named by what sets the run apart.

    TensorBoard names a run by its path, which ends with `/tensorboard` and may begin with a date. Links lead
    to folders, so that what a run writes later is seen, too.

    Args:
        runs: The runs.
        folder: Where to make the links; it is there and empty.

    Returns:
        The names, of runs that have event files.

    Raises:
        OSError: Links cannot be made.
    """
    settings = differing_settings(runs)
    kept, digits = [], len(str(len(runs)))  # TensorBoard sorts names as texts
    for number, (run, name) in enumerate(zip(runs, run_names(runs, settings), strict=True), start=1):
        events = run.folder / "tensorboard"
        if events.is_dir():
            short = re.sub(r"[^\w=.,+\[\]-]+", " ", name).strip()
            kept.append(f"{number:0{digits}d} {short}".strip())
            os.symlink(events.resolve(), folder / kept[-1], target_is_directory=True)
    return kept
