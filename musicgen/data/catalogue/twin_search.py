"""Search prepared pieces for twins, reading each file once and remembering the outcome."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from musicgen.data.catalogue.findings import Findings
from musicgen.data.catalogue.fingerprints import FINGERPRINT_VERSION, PRINT, Prints, fingerprint
from musicgen.data.catalogue.pieces import Piece, contents_of, kept
from musicgen.data.catalogue.twins import TWINS_VERSION, Twins, find_twins, sampled, share_compared
from musicgen.files.hashing import hash_lines
from musicgen.files.progress_bar import track
from musicgen.files.table import Table
from musicgen.files.workers import num_processes, run_tasks
from musicgen.music.midi import READER_VERSION, MidiError, read_midi

logger = logging.getLogger(__name__)

_VERSION = f"fingerprint-v{FINGERPRINT_VERSION}-reader-v{READER_VERSION}"
_FILES_WORTH_A_POOL = 500
_FILES_A_CHUNK = 16


def twins_among(
    pieces: Sequence[Piece],
    *,
    cache_dir: str | Path,
    num_workers: int | None = None,
    progress: bool = True,
) -> list[Twins]:
    """Find the twins among pieces, or take them from the cache.

    Args:
        pieces: Distinct, readable pieces.
        cache_dir: Folder of all caches. Fingerprints lie in ``fingerprints.sqlite`` (some 60 kB per piece),
            the outcome for a set of pieces in the catalogue.
        num_workers: Processes at most; None takes one per core.
        progress: Show a bar while files are read.

    Raises:
        ValueError: ``num_workers`` is negative.
        OSError: The cache cannot be written.
    """
    findings = Findings(cache_dir, kind=f"twins-v{TWINS_VERSION}-{_VERSION}")
    contents = sorted(contents_of(pieces))
    these = hash_lines(contents)
    known = findings.get(these)
    if known is None:
        share = share_compared(len(pieces))
        prints = _fingerprints(
            pieces, cache_dir=Path(cache_dir), share=share, num_workers=num_workers, progress=progress
        )
        found = find_twins(
            {content: prints[content] for content in contents if content in prints}, share=share
        )
        known = [[pair.first, pair.second, pair.matches] for pair in found]
        if len(prints) == len(contents):
            with findings.writer() as remember:
                remember(these, known)
    return [Twins(*values) for values in known]


def _fingerprints(
    pieces: Sequence[Piece], *, cache_dir: Path, share: float, num_workers: int | None, progress: bool
) -> dict[str, Prints]:
    """Return a share of the fingerprint of each piece; those that cannot be read at the moment have none."""
    table = Table(
        cache_dir / "fingerprints.sqlite",
        name="fingerprints",
        key={"content": "BLOB", "version": "TEXT"},
        values={"prints": "BLOB"},
    )
    found: dict[str, Prints] = {}
    with table.writer() as remember:
        for content in contents_of(pieces):
            row = table.get(bytes.fromhex(content), _VERSION)
            if row is not None:
                found[content] = sampled(np.frombuffer(row[0], PRINT), share)
        tasks = kept(pieces, (content not in found for content in contents_of(pieces)))
        processes = num_processes(num_workers, num_tasks=len(tasks), worth_a_pool=_FILES_WORTH_A_POOL)
        results = run_tasks(_fingerprint, tasks, processes=processes, chunk=_FILES_A_CHUNK)
        for content, prints in track(
            results, description="Comparing melodies", total=len(tasks), shown=progress
        ):
            if prints is not None:
                remember(bytes.fromhex(content), _VERSION, prints.tobytes())
                found[content] = sampled(prints, share)
    return found


def _fingerprint(piece: Piece) -> tuple[str, Prints | None]:
    try:
        return piece.content, fingerprint(read_midi(piece.path))
    except (MidiError, OSError) as error:
        logger.warning("%s is compared with no other piece: %s", piece.path, error)
        return piece.content, None
