"""Musical analysis of pieces, made once per piece: key, progression, form."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from musicgen.data.catalogue.findings import Findings
from musicgen.data.catalogue.passages import Span, joined
from musicgen.data.catalogue.pieces import Piece
from musicgen.files.progress_bar import track
from musicgen.files.workers import num_processes, run_tasks
from musicgen.music.midi import READER_VERSION, MidiError, read_midi
from musicgen.music.notation.quantise import is_on_the_beats
from musicgen.music.notes import Performance
from musicgen.music.theory.form import form_frames
from musicgen.music.theory.harmony import estimate_key, estimate_local_keys, fit_chords
from musicgen.music.theory.keys import Key

logger = logging.getLogger(__name__)

ANALYSIS_VERSION = 4
"""Bump whenever the analysis of a piece changes; part of its kind in the catalogue."""

_FILES_WORTH_A_POOL = 200
_FILES_A_CHUNK = 8


@dataclass(frozen=True)
class Analysis:
    """Musical analysis of a piece.

    Attributes:
        key: Of the whole piece.
        degrees: Its progression: Roman numerals without sevenths and inversions, each in its local key.
        frames: For its form (see ``form_frames``); None for a short piece.
        changes: The quarter in which each degree begins, and the one after the last.
    """

    key: Key
    degrees: tuple[str, ...]
    frames: np.ndarray | None
    changes: tuple[int, ...] = ()

    def holds(self, progression: Sequence[str]) -> bool:
        """Return whether the progression occurs, chord after chord; repeated degrees are joined."""
        return bool(self._places(progression))

    def passages(self, progression: Sequence[str], *, quarters: int) -> tuple[Span, ...]:
        """Find where the progression occurs, from its first chord to the end of its last one.

        Args:
            progression: Degrees.
            quarters: Minimum length: shorter passages are widened evenly to both sides; what then overlaps
                or touches is one passage.
        """
        places = [
            Span(self.changes[at], self.changes[at + len(progression)]) for at in self._places(progression)
        ]
        return joined(place.widened(to=quarters, within=self.changes[-1]) for place in places)

    def _places(self, progression: Sequence[str]) -> list[int]:
        wanted = tuple(progression)
        return [
            at
            for at in range(len(self.degrees) - len(wanted) + 1)
            if self.degrees[at : at + len(wanted)] == wanted
        ]


def analyses_of(
    pieces: Sequence[Piece],
    *,
    cache_dir: str | Path,
    num_workers: int | None = None,
    progress: bool = True,
) -> dict[str, Analysis]:
    """Return key, progression and form of pieces, analysing those that no earlier call has.

    Args:
        pieces: Readable or not.
        cache_dir: Folder of all caches; its catalogue remembers what was found.
        num_workers: Processes at most; None takes one per core.
        progress: Show a bar.

    Returns:
        Analysis by content; files that are no music have none.

    Raises:
        ValueError: ``num_workers`` is negative.
        OSError: The cache cannot be written.
    """
    findings = Findings(cache_dir, kind=f"analysis-v{ANALYSIS_VERSION}-reader-v{READER_VERSION}")
    paths = {piece.content: piece.path for piece in pieces if piece.content}
    found = {content: findings.get(content) for content in paths}
    tasks = [(path, content) for content, path in paths.items() if found[content] is None]
    processes = num_processes(num_workers, num_tasks=len(tasks), worth_a_pool=_FILES_WORTH_A_POOL)
    results = run_tasks(_analyse, tasks, processes=processes, chunk=_FILES_A_CHUNK)
    with findings.writer() as remember:
        for content, values in track(
            results, description="Analysing music", total=len(tasks), shown=progress
        ):
            found[content] = values
            if values is not None:
                remember(content, values)
    return {content: _read(values) for content, values in found.items() if values}


def _analyse(task: tuple[Path, str]) -> tuple[str, dict | None]:
    """Analyse a file; empty for one that is no music, None for one that cannot be read at the moment."""
    path, content = task
    try:
        performance = read_midi(path)
    except (MidiError, OSError) as error:
        logger.debug("not analysed: %s", error)
        is_transient = isinstance(error, OSError) or isinstance(error.__cause__, OSError)
        return content, None if is_transient else {}
    key, frames = estimate_key(performance), form_frames(performance)
    steps = fit_chords(performance, local_keys=_local_keys(performance))
    changes = [at for at, step in enumerate(steps) if not at or step.degree != steps[at - 1].degree]
    ends = [steps[-1].start_quarter + steps[-1].quarters] if steps else []
    return content, {
        "key": [key.tonic, key.mode],
        "degrees": [steps[at].degree for at in changes],
        "changes": [steps[at].start_quarter for at in changes] + ends,
        "frames": None if frames is None else np.round(frames, 3).tolist(),
    }


def _local_keys(performance: Performance) -> list[Key]:
    """Find the local keys; in notated music they change faster than the usual settings follow."""
    if is_on_the_beats(performance):
        return estimate_local_keys(performance, reach_quarters=6.0, change_cost=0.4)
    return estimate_local_keys(performance)


def _read(values: dict) -> Analysis:
    frames = values["frames"]
    return Analysis(
        key=Key(*values["key"]),
        degrees=tuple(values["degrees"]),
        changes=tuple(values["changes"]),
        frames=None if frames is None else np.array(frames),
    )
