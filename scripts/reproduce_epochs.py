"""Reproduce the report's comparison of five with ten epochs, and measure what the original's defects cost.

    python scripts/reproduce_epochs.py budget=small
    python scripts/reproduce_epochs.py budget=full weights=DIR students=DIR root=GIANTMIDI

The runs are sweeps of `musicgen train`. The same command resumes what was stopped and leaves what is done.
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # the parts lie beside this file

from reproduction.budgets import BUDGETS
from reproduction.sweeps import Inputs, all_sweeps, run_sweeps
from settings import read_settings


@dataclass
class Settings:
    """The settings of the command line, as key=value.

    Attributes:
        budget: tiny, small (half an hour of two cores), medium or full.
        root: Folder of GiantMIDI-Piano; by default the variable GIANTMIDI_ROOT.
        folder: Any folder of MIDI files instead, all of whose pieces are taken.
        weights: Folder of Bachsformer's weights; without it the arms that start from them are left out.
        students: Folder of chopin_noc_5.mid and chopin_noc_10.mid; without it they are not shown.
        goldberg: Folder of the Goldberg variations, to measure the weights on what they were trained on.
        runs: Where the runs are kept, in a folder for each budget.
        docs: Where the page goes; null writes none.
        processes: Runs at a time, each on one thread; null: one per core.
        page: true: only build the page from what is done.
    """

    budget: str = "small"
    root: str | None = None
    folder: str | None = None
    weights: str | None = None
    students: str | None = None
    goldberg: str | None = None
    runs: str = "outputs/reproduction"
    docs: str | None = "docs/lab"
    processes: int | None = None
    page: bool = False

    def __post_init__(self) -> None:
        if self.budget not in BUDGETS:
            raise ValueError(f"budget={self.budget}; use one of {', '.join(BUDGETS)}")


def inputs_of(settings: Settings) -> Inputs:
    """Turn folders into settings of musicgen."""
    root = settings.root or os.environ.get("GIANTMIDI_ROOT")
    if settings.folder:
        source = ("data=folder", f"data.root={Path(settings.folder).resolve()}")
    elif root:
        nocturnes = ("data.composer=[Chopin]", "data.title=Nocturne")
        source = ("data=giantmidi", f"data.root={Path(root).resolve()}", *nocturnes)
    else:
        raise ValueError(
            "no pieces: use root=DIR (GiantMIDI-Piano) or folder=DIR (MIDI files), or set GIANTMIDI_ROOT; "
            "musicgen prepare data=giantmidi data.download=true fetches the report's files"
        )
    folders = {name: getattr(settings, name) for name in ("weights", "students", "goldberg")}
    return Inputs(
        data=(*source, "data.val_fraction=0.25", "data.test_fraction=0", "data.num_workers=1"),
        runs=Path(settings.runs).resolve() / settings.budget,
        **{name: Path(folder).resolve() if folder else None for name, folder in folders.items()},
    )


def main(arguments: list[str]) -> int:
    """Run the study; return 1 if a sweep failed."""
    settings = read_settings(Settings, arguments)
    inputs, budget = inputs_of(settings), BUDGETS[settings.budget]
    sweeps = all_sweeps(inputs, budget)
    failed = [] if settings.page else run_sweeps(sweeps, processes=settings.processes or os.cpu_count() or 1)
    for folder in failed:
        print(f"FAILED: {folder}")
    if settings.docs:
        from reproduction.page import write_page
        from reproduction.study import gather

        docs = Path(settings.docs)
        page = write_page(gather(sweeps, inputs), inputs, budget=budget, name=settings.budget, docs=docs)
        print(f"Page: {page}")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except ValueError as error:
        sys.exit(str(error))
