"""The runs of the study as commands of musicgen, each with its folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from reproduction.budgets import Budget

PUBLISHED = "published"
ARMS = {
    PUBLISHED: "as published",
    "published_timing": "time put right",
    "published_tails": "tails put right",
    "published_fresh": "fresh start",
    "published_codebook": "codes restarted",
    "published_seamless": "sampling without seams",
    "published_repaired": "all together",
}
FRESH_ARMS = ("published_fresh", "published_repaired")
CURVE = "epochs_curve"
IMPORTED, GOLDBERG = "bachsformer", "bachsformer_goldberg"
KEPT_SETTINGS = ("data.val_fraction", "data.test_fraction", "data.num_workers", "data.cache_dir")
METRICS_FILE = "metrics.json"


@dataclass(frozen=True)
class Job:
    """One command of musicgen and what it is for.

    Attributes:
        arm: Name of the experiment.
        epochs: Length of its training.
        seed: Its seed.
        folder: Where it leaves its run.
        arguments: Of `musicgen`, the verb first and the folder left out.
        needs: Folder of a job that must be done before.
    """

    arm: str
    epochs: int
    seed: int
    folder: Path
    arguments: tuple[str, ...]
    needs: Path | None = None

    @property
    def name(self) -> str:
        """Say which run this is, for people."""
        return f"{self.arm} epochs={self.epochs} seed={self.seed}"

    @property
    def command(self) -> tuple[str, ...]:
        """Give the arguments of `musicgen` as they are run."""
        return (*self.arguments, f"hydra.run.dir={self.folder}")

    @property
    def is_done(self) -> bool:
        """Say whether the folder holds the finished run of these very settings."""
        overrides = self.folder / ".hydra" / "overrides.yaml"
        finished = self.folder / ("000.mid" if self.arguments[0] == "generate" else METRICS_FILE)
        if not overrides.is_file() or not finished.is_file() or (self.folder / "error.txt").exists():
            return False
        written = yaml.safe_load(overrides.read_text())  # with quotes where a path needs them
        return [str(one).replace("'", "") for one in written] == [
            one.replace("'", "") for one in self.arguments[1:]
        ]


@dataclass(frozen=True)
class Inputs:
    """Where things come from.

    Attributes:
        data: Settings that choose the pieces.
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


def all_jobs(inputs: Inputs, budget: Budget, *, num_slices: int) -> list[Job]:
    """List the runs of the study, the most telling first.

    Args:
        inputs: Where things come from.
        budget: How large it is.
        num_slices: Training slices on Bachsformer's grid.

    Returns:
        The jobs; those that need weights are left out where there are none.
    """
    first, later = (5, 10), [epochs for epochs in budget.seeds_by_epochs if epochs not in (5, 10)]
    return [
        *_import_jobs(inputs),
        *_curve_jobs(inputs, budget, first),
        *_arm_jobs(inputs, budget, num_slices),
        *_curve_jobs(inputs, budget, later),
    ]


def num_training_slices(inputs: Inputs, *, grid: str) -> int:
    """Count the training slices on a grid; on Bachsformer's, an epoch had as many updates there."""
    from hydra import compose, initialize_config_dir

    from musicgen.cli.shared.pieces import prepared_pieces
    from musicgen.config.tree import config_dir

    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        config = compose("prepare", overrides=[*inputs.data, f"grid={grid}"])
    return len(prepared_pieces(config).splits["train"])


def imported(inputs: Inputs) -> Path:
    """Give the folder of Bachsformer's weights as a run."""
    return inputs.runs / IMPORTED


def _import_jobs(inputs: Inputs) -> list[Job]:
    if inputs.weights is None:
        return []
    verb = ("import", f"weights={inputs.weights}", "evaluate=true", "threads=1")
    jobs = [Job(IMPORTED, 0, 0, imported(inputs), (*verb, *inputs.data))]
    if inputs.goldberg is not None:
        kept = [one for one in inputs.data if one.startswith(KEPT_SETTINGS)]
        arguments = (*verb, "data=folder", f"data.root={inputs.goldberg}", *kept)
        jobs.append(Job(GOLDBERG, 0, 0, inputs.runs / GOLDBERG, arguments))
    return jobs


def _curve_jobs(inputs: Inputs, budget: Budget, lengths: Sequence[int]) -> list[Job]:
    """List the trainings from a fresh start, seed by seed, so that a stopped study has whole rows."""
    most = max((budget.seeds_by_epochs[epochs] for epochs in lengths), default=0)
    return [
        _training(inputs, budget, CURVE, epochs=epochs, seed=seed, settings=budget.curve)
        for seed in range(most)
        for epochs in lengths
        if seed < budget.seeds_by_epochs[epochs]
    ]


def _arm_jobs(inputs: Inputs, budget: Budget, num_slices: int) -> list[Job]:
    jobs = []
    for seed in range(budget.arm_seeds):
        for arm in ARMS:
            fresh = arm in FRESH_ARMS
            if inputs.weights is None and not fresh:
                continue
            start = () if fresh else (f"init_from={imported(inputs)}",)
            updates = (f"updates_per_epoch.vq_vae={num_slices}",) if budget.updates_as_slices else ()
            settings = (*start, *budget.arms, *updates)
            if arm == "published_seamless":
                jobs.append(_sampled_again(inputs, budget, seed=seed))
            else:
                jobs.append(
                    _training(inputs, budget, arm, epochs=budget.arm_epochs, seed=seed, settings=settings)
                )
    return jobs


def _training(
    inputs: Inputs, budget: Budget, arm: str, *, epochs: int, seed: int, settings: tuple[str, ...]
) -> Job:
    arguments = (
        "train",
        f"experiment={arm}",
        f"epochs={epochs}",
        f"seed={seed}",
        f"generate.num_pieces={budget.num_pieces}",
        f"generate.num_quarters={budget.num_quarters}",
        "threads=1",
        "callbacks=none",
        f"+trainer.check_val_every_n_epoch={epochs}",
        *inputs.data,
        *settings,
    )
    needs = imported(inputs) if any(one.startswith("init_from=") for one in settings) else None
    return Job(arm, epochs, seed, inputs.runs / arm / f"epochs-{epochs}_seed-{seed}", arguments, needs)


def _sampled_again(inputs: Inputs, budget: Budget, *, seed: int) -> Job:
    """Sample the published arm's networks without seams: its training is the same."""
    name = f"epochs-{budget.arm_epochs}_seed-{seed}"
    run = inputs.runs / PUBLISHED / name
    arguments = (
        "generate",
        f"run={run}",
        f"seed={seed}",
        f"num_pieces={budget.num_pieces}",
        f"num_quarters={budget.num_quarters}",
        "threads=1",
    )
    return Job(
        "published_seamless",
        budget.arm_epochs,
        seed,
        inputs.runs / "published_seamless" / name,
        arguments,
        run,
    )
