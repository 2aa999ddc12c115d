"""Copies in generated pieces, compared with what held-out music shares with the training pieces."""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from musicgen.data.catalogue.pieces import Piece
from musicgen.files.atomic import atomic_file
from musicgen.measure.copying.index import INDEX_FORMAT, Copy, CopyIndex
from musicgen.measure.music import MeasuredPiece
from musicgen.music.midi import READER_VERSION
from musicgen.music.notes import Performance

MARGIN = 6.0
"""A copy is longer than this multiple of the median run of held-out music."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CopyThreshold:
    """Lengths of runs that held-out music shares with the training pieces.

    Attributes:
        median: Median over excerpts of the longest run, in notes.
        longest: Longest run of all excerpts, in notes.
        excerpts: Number of excerpts.
    """

    median: float
    longest: int
    excerpts: int

    def exceeded_by(self, copy: Copy) -> bool:
        """Check whether a run is more than six times the median of held-out excerpts.

        The median is robust to held-out pieces with a twin in the training set (another recording or
        harmonisation of the same work). With the threshold of GiantMIDI-Piano's validation pieces (median 10
        notes), none of 266 excerpts of 128 quarters of the test pieces exceeds it (longest run 51).
        """
        return copy.notes > MARGIN * self.median


def copy_index(pieces: Sequence[Piece], *, cache_dir: str | Path | None = None) -> CopyIndex:
    """Index pieces, or load their index from the cache.

    Args:
        pieces: Readable pieces, such as a training split.
        cache_dir: Cache of indexes; None for no cache.

    Raises:
        ValueError: There are no pieces, or none can be read.
        OSError: The cache cannot be written.
    """
    paths = [piece.path for piece in pieces]
    if cache_dir is None:
        return CopyIndex(paths)
    known = "\n".join(f"{piece.content} {piece.path}" for piece in pieces)
    key = hashlib.sha256(f"{INDEX_FORMAT} {READER_VERSION}\n{known}".encode("utf-8", "surrogateescape"))
    path = Path(cache_dir) / "copies" / f"{key.hexdigest()[:32]}.npz"
    try:
        return CopyIndex.load(path)
    except FileNotFoundError:
        pass
    except (ValueError, OSError, KeyError, BadZipFile) as error:
        log.warning("copy index %s is damaged (%s) and is rebuilt", path, error)
    index = CopyIndex(paths)
    with atomic_file(path) as file:
        index.save(file)
    return index


def threshold(excerpts: Sequence[tuple[str, Performance]], index: CopyIndex) -> CopyThreshold | None:
    """Compute the threshold from held-out music; None without excerpts.

    Args:
        excerpts: Excerpts with the names of their pieces, which are excluded from the index. They should be
            about as long as the generated pieces, since longer ones share longer runs.
        index: The training pieces.
    """
    notes = [index.longest_copy(excerpt, exclude=[name]).notes for name, excerpt in excerpts]
    if not notes:
        return None
    return CopyThreshold(median=float(np.median(notes)), longest=max(notes), excerpts=len(notes))


def copy_metrics(pieces: Sequence[MeasuredPiece], measure: CopyThreshold | None) -> dict[str, float]:
    """Return copy metrics by name.

    Args:
        pieces: Generated pieces with their copies.
        measure: Threshold of held-out excerpts.

    Returns:
        `generated/copy_notes` and `generated/copy_notes_max`, the median and the greatest length of the
        longest runs, in notes; `real/…`, the same of held-out excerpts; `generated/copied_pieces`, the
        number of pieces that exceed the threshold.
    """
    copies = [piece.copy for piece in pieces if piece.copy is not None]
    if not copies:
        return {}
    notes = [copy.notes for copy in copies]
    metrics = {"generated/copy_notes": float(np.median(notes)), "generated/copy_notes_max": float(max(notes))}
    if measure is not None:
        metrics |= {
            "real/copy_notes": measure.median,
            "real/copy_notes_max": float(measure.longest),
            "generated/copied_pieces": float(sum(measure.exceeded_by(copy) for copy in copies)),
        }
    return metrics
