"""Metrics of generated pieces and of held-out real ones."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from musicgen.data.catalogue.pieces import Piece, distinct
from musicgen.data.prepare import Prepared
from musicgen.data.store.packed import PackedPieces
from musicgen.data.summary import SkippedPiece
from musicgen.measure.copying.threshold import CopyThreshold, copy_index, copy_metrics, threshold
from musicgen.measure.music import MeasuredPiece, Ngrams, averages, measure, progressions, read_generated
from musicgen.measure.reference import MAX_PIECES, excerpts_of
from musicgen.music.midi import MidiError
from musicgen.music.notes import Performance

log = logging.getLogger(__name__)

_KNOWN_PIECES = 100  # pieces whose progressions are known; more change little

Named = tuple[str, Performance]


@dataclass(frozen=True)
class GeneratedMetrics:
    """Measured generated pieces and real ones.

    Attributes:
        generated: The generated pieces.
        real: Held-out real pieces; empty without a reference.
        known: Progressions of training pieces.
        threshold: Copy threshold of held-out excerpts.
        num_indexed: Number of pieces in the copy index.
        skipped: Unreadable files, with reasons.
    """

    generated: list[MeasuredPiece]
    real: list[MeasuredPiece] = field(default_factory=list)
    known: Ngrams = field(default_factory=Ngrams)
    threshold: CopyThreshold | None = None
    num_indexed: int = 0
    skipped: list[SkippedPiece] = field(default_factory=list)

    def metrics(self) -> dict[str, float]:
        """Return all metrics by name: `generated/…`, and `real/…` for the same of held-out real music."""
        metrics = averages(self.generated, prefix="generated", real=self.known)
        if self.real:
            metrics |= averages(self.real, prefix="real", real=self.known)
        return metrics | copy_metrics(self.generated, self.threshold)


def measure_generated(
    generated: Sequence[Named], reference: Prepared | None = None, *, index_all: bool = False
) -> GeneratedMetrics:
    """Measure pieces and real ones.

    Args:
        generated: Name and notes of each piece.
        reference: Real music: the validation split is measured, the training split is searched for copies and
            progressions. None for no reference.
        index_all: Search all splits for copies, if the training set is unknown.
    """
    if reference is None:
        return GeneratedMetrics(measure(generated, total=len(generated)))
    train, val = reference.splits["train"], reference.splits["val"]
    splits = list(reference.splits.values()) if index_all else [train]
    # A piece appears once per passage.
    sources = distinct([piece for split in splits for piece in split.pieces])
    if not sources:
        return GeneratedMetrics(
            measure(generated, total=len(generated)), _measured(val, range(len(val.pieces)))
        )
    index = copy_index(sources, cache_dir=reference.cache_dir)
    lengths = [piece.duration_quarters for _, piece in generated if len(piece)]
    excerpts = held_out_excerpts(val, num_quarters=int(np.ceil(np.median(lengths))) if lengths else 128)
    return GeneratedMetrics(
        generated=measure(generated, index=index, total=len(generated)),
        real=_measured(val, range(len(val.pieces))),
        known=progressions(_measured(train, known_sample(train.pieces), description="Reading progressions")),
        threshold=threshold(excerpts, index),
        num_indexed=len(sources),
    )


def measure_generated_files(
    pieces: Sequence[Piece],
    reference: Prepared | None = None,
    *,
    read: Callable[[Path], Performance] = read_generated,
) -> GeneratedMetrics:
    """Measure the pieces of files; copies are searched in all splits of the reference.

    Args:
        pieces: Files, including silent ones.
        reference: Real music, as for `measure_generated`.
        read: Reads a file, which may hold no notes, in quarters from which bars are counted.

    Raises:
        ValueError: No file can be read.
    """
    named, skipped = [], []
    for piece in pieces:
        try:
            named.append((piece.path.name, read(piece.path)))
        except (MidiError, OSError) as error:
            log.warning("skipped: %s", error)
            skipped.append(SkippedPiece(piece.path, str(error)))
    if not named:
        raise ValueError(f"none of {len(pieces)} files could be read; the first: {skipped[0].reason}")
    return replace(measure_generated(named, reference, index_all=True), skipped=skipped)


def generated_pieces(folder: str | Path) -> list[Named]:
    """Read the generated pieces of a run in order, including silent ones.

    Raises:
        MidiError: A file is broken.
    """
    return [(path.name, read_generated(path)) for path in sorted(Path(folder).glob("generated/*.mid"))]


def held_out_excerpts(pieces: PackedPieces, *, num_quarters: int) -> list[Named]:
    """Cut excerpts from up to forty pieces, named by the path of their piece."""
    return [
        (str(pieces.pieces[number].path), excerpt)
        for number in known_sample(pieces.pieces)[:MAX_PIECES]
        for excerpt in excerpts_of(
            np.array(pieces.piece(number)), num_quarters=num_quarters, ticks=pieces.ticks
        )
    ]


def _measured(
    pieces: PackedPieces, numbers: Sequence[int], *, description: str = "Measuring real pieces"
) -> list[MeasuredPiece]:
    named = ((pieces.pieces[number].title, pieces.performance(number)) for number in numbers)
    return measure(named, total=len(numbers), description=description)


def known_sample(pieces: Sequence[Piece]) -> list[int]:
    """Choose pieces by a part of their content hash that splitting does not use."""
    ranked = sorted(range(len(pieces)), key=lambda number: pieces[number].content[8:24])
    return ranked[:_KNOWN_PIECES]
