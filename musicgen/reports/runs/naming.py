"""Names of runs, made of what sets them apart."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from musicgen.reports.runs.runs import Run, printable
from musicgen.reports.runs.settings import Knob

MAX_NAME = 96  # characters


def run_names(runs: Sequence[Run], knobs: Sequence[Knob]) -> tuple[str, ...]:
    """Name each run by what sets it apart: `epochs=5 seed=0`.

    Args:
        runs: The runs to compare.
        knobs: Their differing settings.

    Returns:
        One distinct name a run; runs that nothing sets apart are told by their folders.
    """
    names = [_join(f"{knob.label}={knob.texts[index]}" for knob in knobs) for index in range(len(runs))]
    counts = Counter(names)
    tails = _tails([run.folder for run in runs])
    told = [
        name if name and counts[name] == 1 else f"{name} ({tail})" if name else tail
        for name, tail in zip(names, tails, strict=True)
    ]
    seen: Counter[str] = Counter()
    for index, name in enumerate(told):
        seen[name] += 1
        if seen[name] > 1:
            told[index] = f"{name} #{seen[name]}"
    return tuple(told)


def _join(parts: Iterable[str]) -> str:
    name = " ".join(parts)
    return name if len(name) <= MAX_NAME else name[: MAX_NAME - 1] + "…"


def _tails(folders: Sequence[Path]) -> list[str]:
    """Shorten folders to their last parts, as many as tell them apart."""
    parts = [folder.resolve().parts for folder in folders]
    for depth in range(1, max((len(part) for part in parts), default=1) + 1):
        tails = [printable("/".join(part[-depth:])) for part in parts]
        if len(set(tails)) == len(tails):
            return tails
    return ["/".join(part[-1:]) for part in parts]
