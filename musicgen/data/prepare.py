"""Prepare a source: read, cut, cache, pack and split its pieces."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from musicgen.data.catalogue.analysis import analyses_of
from musicgen.data.catalogue.passages import Spans, clipped, passages_summary
from musicgen.data.catalogue.piece_filter import PieceFilter
from musicgen.data.catalogue.pieces import Piece, contents_of, distinct, kept
from musicgen.data.catalogue.shards import Shard
from musicgen.data.catalogue.splitting import check_fractions, split_pieces
from musicgen.data.catalogue.twin_search import twins_among
from musicgen.data.catalogue.twins import Twins, grouped
from musicgen.data.sources.source import Source
from musicgen.data.store.cache import PieceCache
from musicgen.data.store.facts import PieceFacts
from musicgen.data.store.packed import PackedPieces
from musicgen.data.store.packing import open_pack
from musicgen.data.store.reading import read_pieces
from musicgen.data.summary import (
    TWINS_COLUMNS,
    SkippedPiece,
    is_readable,
    list_skipped,
    summary_of,
    totals,
    twins_rows,
    warn_of_cuts,
    write_json,
    write_table,
)
from musicgen.music.grid import ClockGrid, Grid


@dataclass(frozen=True)
class Prepared:
    """Pieces that are ready for training.

    Attributes:
        pieces: Readable pieces, each content once, sorted by file name.
        splits: Packed quarters of ``train``, ``val`` and ``test``.
        summary: What ``summary.json`` holds.
        skipped: Files without music.
        cache_dir: Cache folder, also for later steps; None for no cache.
        spans: Passages of each content in the splits; None for whole pieces.
        twins: Pairs of pieces that are musically equal, in whole or in part; None if not searched.
        keys: How many training pieces were in each key before all were moved to one; None where none was.
    """

    pieces: Sequence[Piece]
    splits: dict[str, PackedPieces]
    summary: dict[str, Any]
    skipped: list[SkippedPiece] = field(default_factory=list)
    cache_dir: Path | None = None
    spans: Spans | None = None
    twins: Sequence[Twins] | None = None
    keys: dict[str, int] | None = None

    def with_twins(self, contents: Collection[str]) -> set[str]:
        """Add the twins among these pieces to given contents, which need not be in these pieces."""
        groups = grouped(self.twins or [])
        leaders = {groups[content] for content in contents if content in groups}
        return set(contents) | {content for content, leader in groups.items() if leader in leaders}

    def require(self, *names: str) -> None:
        """Check that splits have pieces.

        Raises:
            ValueError: A split is empty; the message suggests fractions.
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
        skipped: Files without music.
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
        choice: Which pieces are taken; its ``max_pieces`` is not available for a part.
        cache_dir: Cache folder.
        num_workers: Most processes; None for one per core.
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
    work = {"num_workers": num_workers, "progress": progress}
    analyse = partial(analyses_of, cache_dir=cache_dir, **work)
    chosen = choice.choose(source, shard=shard, analyse=analyse)
    chosen = kept(chosen, (shard.holds(piece.path) for piece in chosen))
    facts = read_pieces(distinct(chosen), cache=PieceCache(Path(cache_dir), grid), **work)
    skipped = list_skipped(chosen, facts)
    summary = {"source": source.name, "grid": grid.key, "shard": str(shard), "files": len(chosen)}
    return PreparedShard(summary | {"skipped": len(skipped)} | totals(facts), skipped)


def prepare(
    source: Source,
    grid: Grid,
    *,
    choice: PieceFilter,
    cache_dir: str | Path,
    val_fraction: float = 0.1,
    test_fraction: float = 0.1,
    twins_together: bool = True,
    num_workers: int | None = None,
    progress: bool = True,
) -> Prepared:
    """Read, cut, cache and split the chosen pieces of a source.

    Files that cannot be read are skipped and listed; byte-identical files count once. A second call, or
    another process at the same time, finds everything in the cache.

    Args:
        source: Where pieces come from.
        grid: How time becomes ticks.
        choice: Selects the pieces.
        cache_dir: Cache folder; may be shared by any number of processes.
        val_fraction: Share of pieces for validation.
        test_fraction: Share of pieces for testing.
        twins_together: Keep musically equal pieces in one split; False splits by content alone.
        num_workers: Most processes; None for one per core.
        progress: Show bars.

    Raises:
        ValueError: The choice names something unknown, a setting is out of range, or no file is readable.
        OSError: The cache cannot be written.
    """
    fractions = {"val_fraction": val_fraction, "test_fraction": test_fraction}
    check_fractions(**fractions)
    work = {"num_workers": num_workers, "progress": progress}
    analyse = partial(analyses_of, cache_dir=cache_dir, **work)
    cache = PieceCache(Path(cache_dir), grid)
    chosen = choice.choose(source, analyse=analyse)
    pieces, facts, skipped = _read(chosen, cache, **work)
    spans = choice.music.passages(analyse(pieces)) if choice.music is not None else None
    spans = None if spans is None else _clipped(spans, facts, grid)
    twins = twins_among(pieces, cache_dir=cache_dir, **work) if twins_together else None
    split = split_pieces(pieces, groups=grouped(twins or []), **fractions)
    pack = partial(open_pack, facts=facts, cache=cache, spans=spans, progress=progress)
    splits = {name: pack(members) for name, members in split.pieces.items()}
    summary = {"source": source.name, "grid": grid.key}
    summary |= summary_of(chosen, facts, skipped=skipped, split=split) | fractions
    summary |= {} if twins is None else {"twins": _count_twins(twins)}
    summary |= {} if spans is None else {"passages": passages_summary(spans, split.pieces)}
    return Prepared(pieces, splits, summary, skipped, Path(cache_dir), spans, twins)


def write_summary(prepared: Prepared | PreparedShard, folder: str | Path) -> None:
    """Write ``summary.json``, ``skipped.csv`` and ``twins.csv`` to a folder, which is created if needed.

    Raises:
        OSError: The folder cannot be written.
    """
    rows = ((str(skip.path), skip.reason) for skip in prepared.skipped)
    write_table(Path(folder) / "skipped.csv", ("path", "reason"), rows)
    if isinstance(prepared, Prepared) and prepared.twins is not None:
        write_table(Path(folder) / "twins.csv", TWINS_COLUMNS, twins_rows(prepared.twins, prepared.splits))
    write_json(Path(folder) / "summary.json", prepared.summary)


def _read(
    chosen: Sequence[Piece], cache: PieceCache, **work: Any
) -> tuple[Sequence[Piece], Mapping[str, PieceFacts], list[SkippedPiece]]:
    """Read each content once, and part what is music from what is not; warn of pieces that were cut."""
    pieces = distinct(chosen)
    facts = read_pieces(pieces, cache=cache, **work)
    skipped = list_skipped(chosen, facts)
    pieces = kept(pieces, (is_readable(content, facts) for content in contents_of(pieces)))
    if not pieces:
        reasons = "; ".join(f"{skip.path.name}: {skip.reason}" for skip in skipped[:3])
        raise ValueError(f"none of the {len(chosen)} chosen files could be read as music ({reasons})")
    warn_of_cuts(pieces, facts)
    return pieces, facts, skipped


def _count_twins(twins: Sequence[Twins]) -> dict[str, int]:
    groups = grouped(twins)
    return {"groups": len(set(groups.values())), "pieces": len(groups)}


def _clipped(spans: Spans, facts: Mapping[str, PieceFacts], grid: Grid) -> Spans:
    """Clip passages to the pieces; after a cut, quarters are no longer those of the analysis."""
    if not isinstance(grid, ClockGrid):
        raise ValueError(
            f"data.passage_quarters counts quarters of the file's tempo map, and the grid {grid.key} has "
            "others; use grid=clock, or data.passage_quarters=null for whole pieces"
        )
    lengths = {key: facts[key].num_quarters if not facts[key].cut_quarters else 0 for key in spans}
    return clipped(spans, lengths)
