"""The study as commands of musicgen: two imports of the published weights, and the sweeps."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from musicgen.config.tree import read_run_config
from reproduction.budgets import Budget

PUBLISHED, SEAMLESS = "published", "published_seamless"
ARMS = {
    PUBLISHED: "as published",
    "published_timing": "time put right",
    "published_tails": "tails put right",
    "published_fresh": "fresh start",
    "published_codebook": "codes restarted",
    SEAMLESS: "sampling without seams",
    "published_repaired": "all together",
}
FRESH_ARMS = ("published_fresh", "published_repaired")
CURVE = "epochs_curve"
IMPORTED, GOLDBERG = "bachsformer", "bachsformer_goldberg"
KEPT_SETTINGS = ("data.val_fraction", "data.test_fraction", "data.num_workers")
Key = tuple[str, int, int]  # arm, epochs, seed


@dataclass(frozen=True)
class Inputs:
    """Where things come from.

    Attributes:
        data: Overrides that choose the pieces.
        weights: Bachsformer's weights, or None.
        students: Folder of the report's two outputs, or None.
        runs: Folder of all runs of the study.
        goldberg: Folder of the pieces that Bachsformer was trained on, or None.
    """

    data: tuple[str, ...]
    weights: Path | None
    students: Path | None
    runs: Path
    goldberg: Path | None = None


@dataclass(frozen=True)
class Sweep:
    """One command of musicgen.

    Attributes:
        folder: Where it leaves its runs; for an import the run itself.
        overrides: Settings, of `train -m` or of `import`.
        keys: The runs it consists of.
    """

    folder: Path
    overrides: tuple[str, ...]
    keys: tuple[Key, ...]

    def command(self, *, processes: int) -> list[str] | None:
        """Build the arguments of `musicgen` that start or resume it; None for an import that is done.

        Args:
            processes: Jobs at a time, each on one thread.

        Raises:
            ValueError: The folder holds a sweep with other settings.
        """
        if self.keys[0][0] in (IMPORTED, GOLDBERG):
            done = (self.folder / "metrics.json").is_file()
            return None if done else ["import", *self.overrides, f"hydra.run.dir={self.folder}"]
        parallel = [] if processes == 1 else ["hydra/launcher=joblib", f"hydra.launcher.n_jobs={processes}"]
        written = self.folder / "multirun.yaml"
        if not written.is_file():
            return ["train", "-m", *self.overrides, f"hydra.sweep.dir={self.folder}", *parallel]
        kept: Any = OmegaConf.to_container(read_run_config(written).hydra.overrides.task)
        before = {str(one).replace("'", "") for one in kept}  # quotes where a path needs them
        changed = sorted(before ^ {one.replace("'", "") for one in self.overrides})
        if changed:
            raise ValueError(
                f"{self.folder} holds a sweep with other settings ({', '.join(changed)}); use runs=OTHER"
            )
        return ["train", f"resume={self.folder}", "retry_failed=true", *parallel]


def all_sweeps(inputs: Inputs, budget: Budget) -> list[Sweep]:
    """List the commands of the study, the most telling first.

    Args:
        inputs: Where things come from; without weights the arms that start from them are left out.
        budget: How large the study is.
    """
    return [*_imports(inputs), *_curves(inputs, budget), *_arms(inputs, budget)]


def run_sweeps(sweeps: Sequence[Sweep], *, processes: int) -> list[str]:
    """Start or resume each sweep; a job that failed does not stop the others.

    Returns:
        The folders of the commands that ended with an error.
    """
    failed = []
    for sweep in sweeps:
        command = sweep.command(processes=processes)
        if command is None:
            continue
        print("musicgen " + " ".join(command), flush=True)
        if subprocess.run([sys.executable, "-m", "musicgen", *command], check=False).returncode:
            failed.append(str(sweep.folder))
    return failed


def _imports(inputs: Inputs) -> list[Sweep]:
    if inputs.weights is None:
        return []
    overrides = (f"weights={inputs.weights}", "evaluate=true", "threads=1")
    sweeps = [Sweep(inputs.runs / IMPORTED, (*overrides, *inputs.data), ((IMPORTED, 0, 0),))]
    if inputs.goldberg is not None:
        kept = [one for one in inputs.data if one.startswith(KEPT_SETTINGS)]
        data = ("data=folder", f"data.root={inputs.goldberg}", *kept)
        sweeps.append(Sweep(inputs.runs / GOLDBERG, (*overrides, *data), ((GOLDBERG, 0, 0),)))
    return sweeps


def _curves(inputs: Inputs, budget: Budget) -> list[Sweep]:
    """Trainings from a fresh start, a sweep over seeds for each length."""
    return [
        _training(inputs, budget, [CURVE], epochs, seeds, settings=budget.curve, name=CURVE)
        for epochs, seeds in budget.seeds_by_epochs.items()
    ]


def _arms(inputs: Inputs, budget: Budget) -> list[Sweep]:
    epochs, seeds = budget.arm_epochs, budget.arm_seeds
    fresh = _training(
        inputs, budget, list(FRESH_ARMS), epochs, seeds, settings=budget.arms, name="published_fresh"
    )
    if inputs.weights is None:
        return [fresh]
    settings = (*budget.arms, f"init_from={inputs.runs / IMPORTED}")
    started = [arm for arm in ARMS if arm not in FRESH_ARMS]
    return [
        _training(inputs, budget, started, epochs, seeds, settings=settings, name="published"),
        fresh,
    ]


def _training(
    inputs: Inputs,
    budget: Budget,
    arms: list[str],
    epochs: int,
    seeds: int,
    *,
    settings: tuple[str, ...],
    name: str,
) -> Sweep:
    overrides = (
        f"experiment={','.join(arms)}",
        f"epochs={epochs}",
        f"seed={','.join(map(str, range(seeds)))}",
        f"generate.num_pieces={budget.num_pieces}",
        f"generate.num_quarters={budget.num_quarters}",
        "threads=1",
        "callbacks=none",
        f"+trainer.check_val_every_n_epoch={epochs}",
        *inputs.data,
        *settings,
    )
    keys = tuple((arm, epochs, seed) for arm in arms for seed in range(seeds))
    return Sweep(inputs.runs / f"{name}_epochs_{epochs}", overrides, keys)
