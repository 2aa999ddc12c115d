"""Measure single pieces: metrics, harmony and copies; and average over pieces."""

import csv
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import numpy as np

from musicgen.files.progress_bar import track
from musicgen.measure.copying.index import Copy, CopyIndex
from musicgen.measure.spec import METRICS
from musicgen.music.grid import from_packed
from musicgen.music.midi import SilentMidiError, read_midi
from musicgen.music.notes import Performance
from musicgen.music.packing import NUM_PITCHES
from musicgen.music.theory.harmony import Harmony, analyze, metrics_of, progression_ngrams, shared_ngram_rate

Ngrams = Counter[tuple[str, ...]]


@dataclass(frozen=True, eq=False)
class MeasuredPiece:
    """Metrics of a piece.

    Attributes:
        name: File name or other label.
        performance: The notes.
        metrics: The metrics of `describe` and `describe_harmony`, NaN if one does not apply.
        harmony: Key, chords, progression, cadences.
        copy: Longest run shared with the training pieces; None without a search.
    """

    name: str
    performance: Performance
    metrics: dict[str, float]
    harmony: Harmony
    copy: Copy | None = None


def describe(performance: Performance) -> dict[str, float]:
    """Compute every registered metric of a piece.

    Args:
        performance: The notes.

    Returns:
        Name to number, NaN if a metric does not apply; units and ranges are those of the table of metrics.
    """
    if not len(performance):
        return {spec.name: math.nan for spec in METRICS.values() if spec.measure}
    return {spec.name: float(spec.measure(performance)) for spec in METRICS.values() if spec.measure}


def measure(
    pieces: Iterable[tuple[str, Performance]],
    *,
    index: CopyIndex | None = None,
    total: int | None = None,
    description: str = "Measuring pieces",
) -> list[MeasuredPiece]:
    """Measure pieces.

    Args:
        pieces: Name and notes of each; silent ones get no metrics.
        index: Copy index; None for no search.
        total: Number of pieces, for the progress bar.
        description: Label of the progress bar.
    """
    measured = []
    for name, performance in track(pieces, description=description, total=total or 0, shown=bool(total)):
        harmony = analyze(performance)
        measured.append(
            MeasuredPiece(
                name=name,
                performance=performance,
                metrics=describe(performance) | metrics_of(harmony),
                harmony=harmony,
                copy=index.longest_copy(performance) if index is not None else None,
            )
        )
    return measured


def read_generated(path: Path) -> Performance:
    """Read a generated piece, which may be silent.

    Raises:
        MidiError: The file is broken.
    """
    try:
        return read_midi(path)
    except SilentMidiError:
        return from_packed(np.zeros((0, NUM_PITCHES), np.uint32))


def averages(pieces: Sequence[MeasuredPiece], *, prefix: str, real: Ngrams | None = None) -> dict[str, float]:
    """Average the metrics over pieces that are not silent.

    Args:
        pieces: Generated or real.
        prefix: `generated` or `real`.
        real: Progressions of real pieces, for the share that the pieces have in common with them.

    Returns:
        `PREFIX/NAME` for every metric that applies to a piece, `PREFIX/pieces`, `PREFIX/silent_pieces` and,
        with `real`, `PREFIX/shared_progressions`.
    """
    rows = [piece.metrics for piece in pieces if len(piece.performance)]
    metrics = {
        f"{prefix}/pieces": float(len(pieces)),
        f"{prefix}/silent_pieces": float(len(pieces) - len(rows)),
    }
    for name in rows[0] if rows else ():
        values = np.array([row[name] for row in rows])
        if not np.isnan(values).all():
            metrics[f"{prefix}/{name}"] = float(np.nanmean(values))
    if real:
        rate = shared_ngram_rate(progressions(pieces), real)
        metrics |= {f"{prefix}/shared_progressions": rate} if np.isfinite(rate) else {}
    return metrics


def progressions(pieces: Iterable[MeasuredPiece]) -> Ngrams:
    """Count progressions of three degrees over pieces."""
    return sum((progression_ngrams(piece.harmony.steps) for piece in pieces), Counter())


def table_of(pieces: Sequence[MeasuredPiece]) -> str:
    """Write a CSV row per piece: name, length, notes, key, the longest copy, all metrics."""
    table = StringIO()
    writer = csv.writer(table, lineterminator="\n")
    names = list(pieces[0].metrics) if pieces else []
    copied = ("copy_notes", "copy_onset_s", "copy_source", "copy_source_onset_s", "copy_transposition")
    writer.writerow(["piece", "seconds", "notes", "key", *copied, *names])
    for piece in pieces:
        key, copy = piece.harmony.key, piece.copy
        run = (copy.notes, copy.onset_s, copy.source, copy.source_onset_s, copy.transposition) if copy else ()
        writer.writerow(
            [
                piece.name,
                f"{piece.performance.duration_s:.2f}",
                len(piece.performance),
                key.name if key else "",
                *(_text(value) for value in (run or ("",) * len(copied))),
                *(_text(piece.metrics[name]) for name in names),
            ]
        )
    return table.getvalue()


def _text(value: float | int | str) -> str:
    if not isinstance(value, float):
        return str(value)
    return "" if np.isnan(value) else f"{value:.6g}"
