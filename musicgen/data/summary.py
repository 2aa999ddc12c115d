"""Contents of `summary.json`, `skipped.csv` and `twins.csv`."""

import csv
import json
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from musicgen.data.catalogue.pieces import Piece, contents_of
from musicgen.data.catalogue.splitting import Split
from musicgen.data.catalogue.twins import Twins, grouped
from musicgen.data.sources.composers import ERAS
from musicgen.data.store.facts import PieceFacts
from musicgen.data.store.packed import PackedPieces
from musicgen.files.atomic import write_atomically
from musicgen.music.notes import ReadCounts

logger = logging.getLogger(__name__)

_MOST_NAMED = 5


@dataclass(frozen=True)
class SkippedPiece:
    """A file without music, and why."""

    path: Path
    reason: str


def list_skipped(chosen: Sequence[Piece], facts: Mapping[str, PieceFacts]) -> list[SkippedPiece]:
    """List the files without music, and log how many there are."""
    skipped = []
    for number, content in enumerate(contents_of(chosen)):
        if not is_readable(content, facts):
            reason = facts[content].error if content else "cannot be read"
            skipped.append(SkippedPiece(chosen[number].path, reason))
    if skipped:
        logger.warning(
            "%d of %d files skipped, the first is %s: %s",
            len(skipped), len(chosen), skipped[0].path.name, skipped[0].reason,
        )  # fmt: skip
    return skipped


def warn_of_cuts(pieces: Sequence[Piece], facts: Mapping[str, PieceFacts]) -> None:
    """Log the pieces whose silences and drones were cut."""
    cut = [(piece.path.name, facts[piece.content].cut_quarters) for piece in pieces if piece.content in facts]
    cut = [(name, quarters) for name, quarters in cut if quarters]
    for name, quarters in cut[:_MOST_NAMED]:
        logger.warning("%s: %d quarters of silence or of a held chord are left out", name, quarters)
    if len(cut) > _MOST_NAMED:
        logger.warning("and so of %d more pieces", len(cut) - _MOST_NAMED)


def is_readable(content: str, facts: Mapping[str, PieceFacts]) -> bool:
    """Check whether a file was read and contains music."""
    return bool(content) and not facts[content].error


def readable(facts: Mapping[str, PieceFacts]) -> Iterator[PieceFacts]:
    """Iterate over the facts of pieces with music."""
    return (fact for fact in facts.values() if not fact.error)


def totals(facts: Mapping[str, PieceFacts]) -> dict[str, int]:
    """Count distinct pieces, and their quarters and notes."""
    return {
        "pieces": sum(1 for _ in readable(facts)),
        "quarters": sum(fact.num_quarters for fact in readable(facts)),
        "notes": sum(fact.num_notes for fact in readable(facts)),
    }


def summary_of(
    chosen: Sequence[Piece],
    facts: Mapping[str, PieceFacts],
    *,
    skipped: Sequence[SkippedPiece],
    split: Split,
) -> dict[str, Any]:
    """Count what was found and read: files with their copies, quarters and notes without."""
    eras = Counter(piece.era for piece in chosen)
    composers = Counter(piece.surname for piece in chosen)
    return {
        "files": len(chosen),
        "skipped": len(skipped),
        **totals(facts),
        "by_era": {era: eras[era] for era in ERAS if eras[era]},
        "by_composer": dict(sorted(composers.items())),
        "cut": {
            "pieces": sum(1 for fact in readable(facts) if fact.cut_quarters),
            "quarters": sum(fact.cut_quarters for fact in readable(facts)),
        },
        "reader": asdict(sum((fact.counts for fact in readable(facts)), ReadCounts())),
        "splits": {
            name: {
                "pieces": len(members),
                "quarters": sum(facts[content].num_quarters for content in contents_of(members)),
            }
            for name, members in split.pieces.items()
        },
        "moved_between_splits": split.moved,
    }


TWINS_COLUMNS = ("group", "split", "matches", "path", "twin")


def twins_rows(twins: Sequence[Twins], splits: Mapping[str, PackedPieces]) -> list[tuple[Any, ...]]:
    """List each piece that has twins, by group, with the one that it shares most with.

    Args:
        twins: Pairs of pieces.
        splits: The pieces by split.
    """
    nearest: dict[str, tuple[int, str]] = {}
    for pair in twins:
        for content, other in ((pair.first, pair.second), (pair.second, pair.first)):
            nearest[content] = max((pair.matches, other), nearest.get(content, (0, "")))
    groups = grouped(twins)
    places = {
        piece.content: (str(piece.path), name)
        for name, packed in splits.items()
        for piece in packed.pieces
        if piece.content in groups
    }
    numbers = {leader: number for number, leader in enumerate(sorted(set(groups.values())), start=1)}
    rows = [
        (numbers[groups[content]], split, nearest[content][0], path, places[nearest[content][1]][0])
        for content, (path, split) in places.items()
    ]
    return sorted(rows)


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write readable JSON."""
    text = json.dumps(values, indent=2, ensure_ascii=False) + "\n"
    write_atomically(path, text.encode("utf-8", "surrogateescape"))


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a CSV file."""
    table = StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_atomically(path, table.getvalue().encode("utf-8", "surrogateescape"))
