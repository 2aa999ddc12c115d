"""What a study has found: the best trials, and the comparison of all."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from musicgen.reports.compare.compare import compare_runs
from musicgen.reports.compare.terminal import print_comparison
from musicgen.search.objectives import Objective
from musicgen.search.study import TWIN

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial


def report(study: "Study", objectives: Sequence[Objective], *, folder: Path) -> str:
    """Compare all trials that left a run folder here, and name the best.

    Args:
        study: The study.
        objectives: What it is after.
        folder: The search's folder, with `trials` in it; the comparison is written there.

    Returns:
        Lines to print.
    """
    names = [one.name for one in objectives]
    trials = folder / "trials"
    best = [
        trial for trial in study.best_trials if TWIN not in trial.user_attrs
    ]  # none before a run has ended
    lines = []
    if trials.is_dir() and any(trials.iterdir()):
        comparison = compare_runs(
            trials,
            output_dir=folder,
            sort=names[0] if best else None,
            front=names if best and len(names) > 1 else (),
            better={one.name: one.metric.better for one in objectives},
            command=f"musicgen compare {trials}",
        )
        print_comparison(comparison)
        lines += [f"{kind:<9} {path}" for kind, path in comparison.files.items()]
    lines.append(_states(study))
    title = "Best" if len(objectives) == 1 else f"Pareto front of {' and '.join(names)}"
    lines += [f"{title}: {_line(trial, names)}" for trial in best[:1]]
    lines += [f"{'':<{len(title)}}  {_line(trial, names)}" for trial in best[1:]]
    return "\n".join(lines)


def _line(trial: "FrozenTrial", names: Sequence[str]) -> str:
    reached = ", ".join(f"{name} {value:.5g}" for name, value in zip(names, trial.values, strict=True))
    return f"trial {trial.number}, {reached}, {trial.user_attrs.get('folder', 'no folder')}"


def _states(study: "Study") -> str:
    """Count trials by their state; say what to do about those that still run."""
    from optuna.trial import TrialState

    counts = dict.fromkeys(TrialState, 0)
    for trial in study.get_trials(deepcopy=False):
        counts[trial.state] += TWIN not in trial.user_attrs
    told = ", ".join(f"{count} {state.name.lower()}" for state, count in counts.items() if count)
    running = " (other workers have them, or were killed: the same command takes them over in a while)"
    return f"Trials    {told or 'none'}{running if counts[TrialState.RUNNING] else ''}"
