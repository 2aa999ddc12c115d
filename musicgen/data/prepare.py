"""Prepare: from files of music to packed pieces, split and ready to train on."""

import csv
import json
import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

from musicgen.data.catalogue.choice import ERAS, PieceFilter, Source, check_fractions, distinct
from musicgen.data.catalogue.cutting import Spans, passages_summary, spans_of
from musicgen.data.catalogue.pieces import Piece, contents_of, kept
from musicgen.data.catalogue.shards import Shard
from musicgen.data.catalogue.splitting import Split, split_pieces
from musicgen.data.store.cache import PieceCache
from musicgen.data.store.facts import PieceFacts
from musicgen.data.store.packed import PackedPieces
from musicgen.data.store.packing import open_pack
from musicgen.data.store.reading import read_pieces
from musicgen.files.atomic import write_atomically
from musicgen.music.grid import Grid
from musicgen.music.notes import ReadCounts

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SkippedPiece:
    """A file that gave no music, and why."""

    path: Path
    reason: str


@dataclass(frozen=True)
class Prepared:
    """Pieces that are ready to train on.

    Attributes:
        pieces: Readable pieces, each content once, sorted by file name.
        splits: Their quarters for ``train``, ``val`` and ``test``.
        summary: What ``summary.json`` holds.
        skipped: Files that gave no music.
        cache_dir: Where results are kept, also those of what works on the pieces later; None for nowhere.
        spans: The passages of each content that the splits hold; None where they hold whole pieces.
    """

    pieces: Sequence[Piece]
    splits: dict[str, PackedPieces]
    summary: dict[str, Any]
    skipped: list[SkippedPiece] = field(default_factory=list)
    cache_dir: Path | None = None
    spans: Spans | None = None

    def require(self, *names: str) -> None:
        """Make sure that splits have pieces.

        Raises:
            ValueError: One is empty; says how many pieces there are and which fractions would help.
        """
        for name in names:
            if len(self.splits[name]) == 0:
                raise ValueError(
                    f"the {name} split has no piece: {len(self.pieces)} pieces in all, with "
                    f"data.val_fraction={self.summary['val_fraction']} and "
                    f"data.test_fraction={self.summary['test_fraction']}. "
                    + (
                        "Choose more pieces: at least 2 distinct ones are needed"
                        if len(self.pieces) < 2
                        else "Set data.val_fraction=0.1 data.test_fraction=0.1, or choose more pieces"
                    )
                )


@dataclass(frozen=True)
class PreparedShard:
    """A part of the pieces whose entries are in the cache.

    Attributes:
        summary: What its ``summary.json`` holds.
        skipped: Files that gave no music.
    """

    summary: dict[str, Any]
    skipped: list[SkippedPiece]


def prepare_shard(
    source: Source,
    grid: Grid,
    *,
    shard: Shard,
    choice: PieceFilter,
    cache_dir: str | Path,
    num_workers: int | None = None,
    progress: bool = True,
) -> PreparedShard:
    """Read, cut and cache one part of the chosen pieces; `prepare` then finds them there.

    Any number of shards may run at once, on any machine that sees the cache, and again after a failure: an
    entry depends on nothing but a file's content and the grid.

    Args:
        source: Where pieces come from.
        grid: How time becomes ticks.
        shard: Which part.
        choice: Which pieces are taken; its ``max_pieces`` is not to be had from a part.
        cache_dir: Where results are kept.
        num_workers: Processes at most; None takes one a core.
        progress: Show bars.

    Raises:
        ValueError: The choice names something unknown or has ``max_pieces``, or a setting is out of range.
        OSError: The cache cannot be written.
    """
    if choice.max_pieces is not None:
        raise ValueError(
            f"max_pieces={choice.max_pieces} is chosen by the content of all files, which a shard does not "
            "read; leave it out here and give it to the training"
        )
    chosen = choice.apply(source.pieces(shard))
    chosen = kept(chosen, (shard.holds(piece.path) for piece in chosen))
    cache = PieceCache(Path(cache_dir), grid)
    facts = read_pieces(distinct(chosen), cache=cache, num_workers=num_workers, progress=progress)
    skipped = list_skipped(chosen, facts)
    summary = {
        "source": source.name,
        "grid": grid.key,
        "shard": str(shard),
        "files": len(chosen),
        "pieces": sum(1 for _ in _readable(facts)),
        "skipped": len(skipped),
        "quarters": sum(one.num_quarters for one in _readable(facts)),
        "notes": sum(one.num_notes for one in _readable(facts)),
    }
    return PreparedShard(summary, skipped)


def prepare(
    source: Source,
    grid: Grid,
    *,
    choice: PieceFilter,
    cache_dir: str | Path,
    val_fraction: float = 0.1,
    test_fraction: float = 0.1,
    num_workers: int | None = None,
    progress: bool = True,
) -> Prepared:
    """Read, cut, cache and split the chosen pieces of a source.

    Files that cannot be read are skipped and listed; byte-identical files count once. A second call, or
    another process at the same time, finds everything in the cache.

    Args:
        source: Where pieces come from.
        grid: How time becomes ticks.
        choice: Which pieces are taken.
        cache_dir: Where results are kept; may be shared by any number of processes.
        val_fraction: Share of pieces held out to choose the best weights by.
        test_fraction: Share of pieces held out altogether.
        num_workers: Processes at most; None takes one a core.
        progress: Show bars.

    Raises:
        ValueError: The choice names something unknown, a setting is out of range, or no file is readable.
        OSError: The cache cannot be written.
    """
    check_fractions(val_fraction=val_fraction, test_fraction=test_fraction)
    chosen = choice.apply(source.pieces())
    cache = PieceCache(Path(cache_dir), grid)
    pieces = distinct(chosen)
    facts = read_pieces(pieces, cache=cache, num_workers=num_workers, progress=progress)
    skipped = list_skipped(chosen, facts)
    pieces = kept(pieces, (_is_readable(content, facts) for content in contents_of(pieces)))
    if not pieces:
        reasons = "; ".join(f"{one.path.name}: {one.reason}" for one in skipped[:3])
        raise ValueError(f"none of the {len(chosen)} chosen files could be read as music ({reasons})")
    spans = spans_of(choice, pieces, facts, grid=grid)
    split = split_pieces(pieces, val_fraction=val_fraction, test_fraction=test_fraction)
    packs = Path(cache_dir) / "packs"
    splits = {
        name: open_pack(members, facts, cache=cache, folder=packs, spans=spans, progress=progress)
        for name, members in split.pieces.items()
    }
    fractions = {"val_fraction": val_fraction, "test_fraction": test_fraction}
    summary = _summary(chosen, pieces, facts, skipped=skipped, split=split) | fractions
    if spans is not None:
        summary["passages"] = passages_summary(spans, split.pieces)
    return Prepared(
        pieces, splits, {"source": source.name, "grid": grid.key} | summary, skipped, Path(cache_dir), spans
    )


def write_summary(prepared: "Prepared | PreparedShard", folder: str | Path) -> None:
    """Write ``summary.json`` and ``skipped.csv`` into a folder."""
    table = StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["path", "reason"])
    writer.writerows([str(one.path), one.reason] for one in prepared.skipped)
    write_atomically(Path(folder) / "skipped.csv", table.getvalue().encode("utf-8", "surrogateescape"))
    text = json.dumps(prepared.summary, indent=2, ensure_ascii=False) + "\n"
    write_atomically(Path(folder) / "summary.json", text.encode("utf-8", "surrogateescape"))


def list_skipped(chosen: Sequence[Piece], facts: Mapping[str, PieceFacts]) -> list[SkippedPiece]:
    """List what gave no music, and tell of it."""
    skipped = []
    for number, content in enumerate(contents_of(chosen)):
        if not _is_readable(content, facts):
            reason = facts[content].error if content else "cannot be read"
            skipped.append(SkippedPiece(chosen[number].path, reason))
    if skipped:
        logger.warning(
            "%d of %d files skipped, the first is %s: %s",
            len(skipped), len(chosen), skipped[0].path.name, skipped[0].reason,
        )  # fmt: skip
    return skipped


def _is_readable(content: str, facts: Mapping[str, PieceFacts]) -> bool:
    return bool(content) and not facts[content].error


def _readable(facts: Mapping[str, PieceFacts]) -> Iterator[PieceFacts]:
    return (one for one in facts.values() if not one.error)


def _summary(
    chosen: Sequence[Piece],
    pieces: Sequence[Piece],
    facts: Mapping[str, PieceFacts],
    *,
    skipped: Sequence[SkippedPiece],
    split: Split,
) -> dict[str, Any]:
    """Count what was found and read; files are counted with their copies, quarters and notes without."""
    eras = Counter(piece.era for piece in chosen)
    composers = Counter(piece.surname for piece in chosen)
    return {
        "files": len(chosen),
        "pieces": len(pieces),
        "skipped": len(skipped),
        "quarters": sum(one.num_quarters for one in _readable(facts)),
        "notes": sum(one.num_notes for one in _readable(facts)),
        "by_era": {era: eras[era] for era in ERAS if eras[era]},
        "by_composer": dict(sorted(composers.items())),
        "reader": asdict(sum((one.counts for one in _readable(facts)), ReadCounts())),
        "splits": {
            name: {
                "pieces": len(members),
                "quarters": sum(facts[content].num_quarters for content in contents_of(members)),
            }
            for name, members in split.pieces.items()
        },
        "moved_between_splits": split.moved,
    }
