"""What generated pieces copied, beside what held-out real music shares with the same training pieces."""

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
"""How many times as long as the middle run of held-out music a copy must be to be called one."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CopyThreshold:
    """Hold how much held-out real music shares with the training pieces.

    Attributes:
        median: Of the longest runs of all excerpts, in notes.
        longest: The longest of them.
        excerpts: How many there are.
    """

    median: float
    longest: int
    excerpts: int

    def exceeded_by(self, copy: Copy) -> bool:
        """Tell whether a run is more than six times as long as the middle one of held-out excerpts.

        The middle, since a few held-out pieces have a twin in the training set: the same work in another
        recording or harmonisation. Of 266 excerpts of 128 quarters of the test pieces of GiantMIDI-Piano none
        is accused by those of its validation pieces (middle 10 notes; the longest test run has 51).
        """
        return copy.notes > MARGIN * self.median


def copy_index(pieces: Sequence[Piece], *, cache_dir: str | Path | None = None) -> CopyIndex:
    """Index pieces, or read the index that an earlier call left in the cache.

    Args:
        pieces: Readable ones, such as a training split.
        cache_dir: Where indexes are kept; None keeps none.

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
        log.warning("copy index %s is damaged (%s) and is made again", path, error)
    index = CopyIndex(paths)
    with atomic_file(path) as file:
        index.save(file)
    return index


def threshold(excerpts: Sequence[tuple[str, Performance]], index: CopyIndex) -> CopyThreshold | None:
    """Measure what held-out music shares with the training pieces; None without excerpts.

    Args:
        excerpts: About as long as the pieces that are judged by them: longer ones share longer runs. Each
            with the name of its piece, which is left out where the index holds it.
        index: The training pieces.
    """
    notes = [index.longest_copy(excerpt, exclude=[name]).notes for name, excerpt in excerpts]
    if not notes:
        return None
    return CopyThreshold(median=float(np.median(notes)), longest=max(notes), excerpts=len(notes))


def copy_metrics(pieces: Sequence[MeasuredPiece], measure: CopyThreshold | None) -> dict[str, float]:
    """Write copies as flat metrics.

    Args:
        pieces: Generated, with their copies.
        measure: Of held-out excerpts.

    Returns:
        `generated/copy_notes` and `generated/copy_notes_max`, the median and the greatest length of the
        longest runs, in notes; `real/…`, the same of held-out excerpts; `generated/copied_pieces`, how many
        pieces the threshold exceeded_by.
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
