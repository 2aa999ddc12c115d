"""Report of a study: the best trials and a comparison of all."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from musicgen.reports.compare.compare import compare_runs
from musicgen.reports.compare.terminal import print_comparison
from musicgen.search.objectives import Objective
from musicgen.search.study import DUPLICATE_OF

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial


def report(study: "Study", objectives: Sequence[Objective], *, folder: Path) -> str:
    """Compare all trials with a run folder, and list the best.

    Args:
        study: The study.
        objectives: The objectives.
        folder: The search's folder, which contains `trials`; the comparison is written to it.

    Returns:
        Lines to print.
    """
    names = [objective.name for objective in objectives]
    trials = folder / "trials"
    best = [
        trial for trial in study.best_trials if DUPLICATE_OF not in trial.user_attrs
    ]  # empty before a run has ended
    lines = []
    if trials.is_dir() and any(trials.iterdir()):
        comparison = compare_runs(
            trials,
            output_dir=folder,
            sort=names[0] if best else None,
            front=names if best and len(names) > 1 else (),
            better={objective.name: objective.metric.better for objective in objectives},
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
    """Count trials by state, with a hint on those that are still running."""
    from optuna.trial import TrialState

    counts = dict.fromkeys(TrialState, 0)
    for trial in study.get_trials(deepcopy=False):
        counts[trial.state] += DUPLICATE_OF not in trial.user_attrs
    text = ", ".join(f"{count} {state.name.lower()}" for state, count in counts.items() if count)
    running = " (by other workers, or killed: the same command retries them after a timeout)"
    return f"Trials    {text or 'none'}{running if counts[TrialState.RUNNING] else ''}"
