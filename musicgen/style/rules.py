"""What parts two sets of pieces: metrics and chord progressions, with intervals and passages to hear."""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from musicgen.measure.music import MeasuredPiece
from musicgen.measure.statistics import Contrast, contrast, holm
from musicgen.music.midi import write_midi
from musicgen.music.notes import Performance
from musicgen.music.passages import cut_passage
from musicgen.music.theory.harmony import progression_ngrams

LEVEL = 0.05
"""A rule is one whose p, corrected for all that was tested (Holm 1979), is below this."""

PASSAGE_QUARTERS = 16
_LEAST_PIECES = 5  # that hold a progression, to be tested


@dataclass(frozen=True)
class Rule:
    """Something in which two sets of pieces differ.

    Attributes:
        kind: `metric`, or `progression` for the share of all runs of three degrees that are this one.
        contrast: Difference of the means with its interval and p, corrected for all that was tested.
    """

    kind: str
    contrast: Contrast

    @property
    def name(self) -> str:
        """The metric, or the degrees."""
        return self.contrast.metric

    @property
    def holds(self) -> bool:
        """Whether the corrected p and the interval bear the difference out."""
        found = self.contrast
        return found.p_holm < LEVEL and (found.low > 0 or found.high < 0)


def find_rules(
    first: tuple[str, Sequence[MeasuredPiece]],
    second: tuple[str, Sequence[MeasuredPiece]],
    *,
    seed: int = 0,
    resamples: int = 2000,
) -> list[Rule]:
    """Compare two sets of pieces on every metric and on their progressions of three degrees.

    Args:
        first: Name and pieces of one set; excerpts of equal length, at most one a piece, so that pieces are
            independent and metrics that grow with length compare.
        second: Name and pieces of the other.
        seed: Seed of the bootstrap.
        resamples: Bootstrap draws per rule.

    Returns:
        All that was tested, the least p first; `holds` says which differences are borne out.

    Raises:
        ValueError: A set has fewer than two pieces with notes.
    """
    sets = {name: [piece for piece in pieces if len(piece.performance)] for name, pieces in (first, second)}
    if len(sets) < 2 or any(len(pieces) < 2 for pieces in sets.values()):
        counts = ", ".join(f"{len(pieces)} of {name}" for name, pieces in sets.items())
        raise ValueError(f"rules need two sets of two pieces or more; there are {counts}")
    tables = {"metric": _metrics(sets), "progression": _progressions(sets)}
    generator = np.random.default_rng(seed)
    tested = [
        (kind, contrast(name, *values.items(), generator=generator, resamples=resamples))
        for kind, table in tables.items()
        for name, values in table.items()
    ]
    corrected = holm([found.p for _, found in tested])
    rules = [
        Rule(kind, Contrast(**{**vars(found), "p_holm": p}))
        for (kind, found), p in zip(tested, corrected, strict=True)
    ]
    return sorted(rules, key=lambda rule: (np.isnan(rule.contrast.p), rule.contrast.p_holm, rule.contrast.p))


def _metrics(sets: Mapping[str, Sequence[MeasuredPiece]]) -> dict[str, dict[str, np.ndarray]]:
    """Return the values of each metric by set."""
    names = next(iter(sets.values()))[0].metrics
    return {
        metric: {name: np.array([piece.metrics[metric] for piece in pieces]) for name, pieces in sets.items()}
        for metric in names
    }


def _progressions(sets: Mapping[str, Sequence[MeasuredPiece]]) -> dict[str, dict[str, np.ndarray]]:
    """Return the share of each progression in each piece by set, of those that several pieces hold."""
    counted = {
        name: [progression_ngrams(piece.harmony.steps) for piece in pieces] for name, pieces in sets.items()
    }
    holding = Counter(run for pieces in counted.values() for piece in pieces for run in piece)
    common = sorted(run for run, pieces in holding.items() if pieces >= _LEAST_PIECES)
    return {
        " ".join(run): {
            name: np.array([piece[run] / max(1, piece.total()) for piece in pieces])
            for name, pieces in counted.items()
        }
        for run in common
    }


def write_rules(rules: Sequence[Rule], path: Path) -> None:
    """Write a CSV row for all that was tested.

    Raises:
        OSError: The file cannot be written.
    """
    names = ("first", "second", "n_first", "n_second", "difference", "low", "high", "p", "p_holm")
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["kind", "name", "holds", *names])
        for rule in rules:
            values = (getattr(rule.contrast, name) for name in names)
            texts = [f"{value:.6g}" if isinstance(value, float) else value for value in values]
            writer.writerow([rule.kind, rule.name, rule.holds, *texts])


def write_examples(
    rules: Sequence[Rule], sets: Mapping[str, Sequence[MeasuredPiece]], folder: Path
) -> list[Path]:
    """Write for each rule that holds a passage of each set in which it is heard most.

    Args:
        rules: What holds among them is written.
        sets: The pieces by the names in the rules.
        folder: Made if it is not there.

    Returns:
        The files, such as `density-Chopin.mid`.

    Raises:
        OSError: A file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for rule in (rule for rule in rules if rule.holds):
        found = rule.contrast
        upwards = {found.first: found.difference > 0, found.second: found.difference < 0}
        for name, is_more in upwards.items():
            passage = _example(rule, sets[name], most=is_more)
            if passage is None:
                continue
            path = folder / f"{rule.name.replace(' ', '-').replace('/', '_')}-{name.replace(' ', '_')}.mid"
            write_midi(passage, path, track_name=f"{rule.name}, {name}")
            written.append(path)
    return written


def _example(rule: Rule, pieces: Sequence[MeasuredPiece], *, most: bool) -> Performance | None:
    """Cut a passage from the piece that shows a rule most, or least; None where no piece does."""
    if rule.kind == "progression":
        run = tuple(rule.name.split(" "))
        starts = [(piece, start) for piece in pieces for start in _starts(piece, run)[:1]]
        return _passage(*starts[0]) if starts else None
    known = [piece for piece in pieces if np.isfinite(piece.metrics[rule.name])]
    if not known:
        return None
    values = [piece.metrics[rule.name] for piece in known]
    piece = known[int(np.argmax(values) if most else np.argmin(values))]
    middle = (piece.performance.onset_quarters[0] + piece.performance.onset_quarters[-1]) / 2
    return _passage(piece, max(0.0, float(np.floor(middle - PASSAGE_QUARTERS / 2))))


def _starts(piece: MeasuredPiece, run: tuple[str, ...]) -> list[float]:
    """Return where a progression begins in a piece, in quarters."""
    steps = piece.harmony.steps
    changes = [at for at, step in enumerate(steps) if not at or step.degree != steps[at - 1].degree]
    degrees = [steps[at].degree for at in changes]
    first = float(np.floor(piece.performance.onset_quarters[0]))
    return [
        first + steps[changes[at]].start_quarter
        for at in range(len(degrees) - len(run) + 1)
        if tuple(degrees[at : at + len(run)]) == run
    ]


def _passage(piece: MeasuredPiece, start: float) -> Performance | None:
    part = cut_passage(piece.performance, start, start + PASSAGE_QUARTERS)
    return part if len(part) else None
