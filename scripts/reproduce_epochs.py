"""Reproduce the report's comparison of five with ten epochs, and measure what the original's defects cost.

    python scripts/reproduce_epochs.py budget=small
    python scripts/reproduce_epochs.py budget=full weights=DIR students=DIR root=GIANTMIDI

Runs that are done are not run again, so it may be stopped and gone on with.
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

sys.path.insert(0, str(Path(__file__).resolve().parent))  # the parts lie beside this file

from reproduction.budgets import BUDGETS
from reproduction.jobs import Inputs, Job, all_jobs, num_training_slices
from reproduction.runner import run_jobs


@dataclass
class Settings:
    """What may be said on the command line as key=value.

    Attributes:
        budget: tiny, small (half an hour of two cores), medium or full.
        root: Folder of GiantMIDI-Piano; else the variable GIANTMIDI_ROOT.
        folder: Any folder of MIDI files instead, all of whose pieces are taken.
        weights: Folder of Bachsformer's weights; without it the arms that start from them are left out.
        students: Folder of chopin_noc_5.mid and chopin_noc_10.mid; without it they are not shown.
        goldberg: Folder of the Goldberg variations, to measure the weights on what they were trained on.
        runs: Where the runs are kept.
        docs: Where the page goes; null leaves it.
        processes: Runs at a time; null: one a core.
        most: Stop after so many runs, to go on another time; null: all.
        only: Run only arms whose name begins so, such as epochs_curve or published; the page shows all.
        cache: Folder of prepared pieces.
        estimate: true: only say how long it will take.
        page: true: only build the page from what is done.
    """

    budget: str = "small"
    root: str | None = None
    folder: str | None = None
    weights: str | None = None
    students: str | None = None
    goldberg: str | None = None
    runs: str = "outputs/reproduction"
    docs: str | None = "docs"
    processes: int | None = None
    most: int | None = None
    only: str = ""
    cache: str = "outputs/cache"
    estimate: bool = False
    page: bool = False


def inputs_of(settings: Settings) -> Inputs:
    """Say where things come from, in settings of musicgen."""
    root = settings.root or os.environ.get("GIANTMIDI_ROOT")
    if settings.folder:
        source = ("data=folder", f"data.root={Path(settings.folder).resolve()}")
    elif root:
        nocturnes = ("data.composer=[Chopin]", "data.title=Nocturne")
        source = ("data=giantmidi", f"data.root={Path(root).resolve()}", *nocturnes)
    else:
        raise ValueError(
            "no pieces: say root=DIR (GiantMIDI-Piano) or folder=DIR (MIDI files), or set GIANTMIDI_ROOT; "
            "musicgen prepare data=giantmidi data.download=true fetches the report's files"
        )
    split = ("data.val_fraction=0.25", "data.test_fraction=0", "data.num_workers=1")
    return Inputs(
        data=(*source, *split, f"data.cache_dir={Path(settings.cache).resolve()}"),
        weights=Path(settings.weights).resolve() if settings.weights else None,
        students=Path(settings.students).resolve() if settings.students else None,
        runs=Path(settings.runs).resolve(),
        goldberg=Path(settings.goldberg).resolve() if settings.goldberg else None,
    )


def read_settings(arguments: list[str]) -> Settings:
    """Read key=value arguments.

    Raises:
        ValueError: One is unknown; says which there are.
    """
    given = OmegaConf.from_cli(arguments)
    try:
        settings = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(Settings), given))
    except OmegaConfBaseException as error:
        known = ", ".join(Settings.__dataclass_fields__)
        raise ValueError(f"{str(error).splitlines()[0]}; use any of {known} as key=value") from error
    assert isinstance(settings, Settings)
    if settings.budget not in BUDGETS:
        raise ValueError(f"budget={settings.budget}; use one of {', '.join(BUDGETS)}")
    return settings


def main(arguments: list[str]) -> int:
    """Run the study; give 1 if a run failed."""
    settings = read_settings(arguments)
    inputs, budget = inputs_of(settings), BUDGETS[settings.budget]
    slices = {grid: num_training_slices(inputs, grid=grid) for grid in ("bachsformer", "clock")}
    jobs = all_jobs(inputs, budget, num_slices=slices["bachsformer"])
    processes = settings.processes or (os.cpu_count() or 1)
    failed = []
    if not settings.page:
        asked = [job for job in jobs if job.arm.startswith(settings.only)]
        _announce(asked, slices, processes)
        if settings.estimate:
            return 0
        failed = run_jobs(asked, processes=processes, most=settings.most)
    if settings.docs:
        from reproduction.page import write_page
        from reproduction.study import gather

        docs = Path(settings.docs)
        page = write_page(gather(jobs, inputs), inputs, budget=budget, name=settings.budget, docs=docs)
        print(f"Page: {page}")
    return 1 if failed else 0


def _announce(jobs: list[Job], slices: dict[str, int], processes: int) -> None:
    """Say how long what is not done will take, before it starts."""
    import torch
    from reproduction.estimate import Estimate, spoken

    torch.set_num_threads(1)
    waiting = [job for job in jobs if not job.is_done]
    seconds = Estimate(num_slices=max(slices.values())).seconds(waiting)
    print(
        f"{len(waiting)} runs to go: about {spoken(seconds)} one after the other, "
        f"{spoken(seconds / processes)} with {processes} at a time if as many cores are free",
        flush=True,
    )


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except ValueError as error:
        sys.exit(str(error))
