"""Write one version with a run: new, continued, filled or varied, and show it while it grows."""

import math
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from musicgen.generation.generate import GeneratedPiece
from musicgen.generation.rendering import (
    Rendering,
    has_renderer,
    labels_to_render,
    load_renderer,
    render_piece,
)
from musicgen.generation.sampling import Sampling
from musicgen.generation.streaming import StreamedQuarter
from musicgen.music.midi import read_midi
from musicgen.music.notes import Performance
from musicgen.music.score_map import ScoreMap
from musicgen.studio.pieces.rows import Row, from_rows, rows_of
from musicgen.studio.work.asking import Asking

if TYPE_CHECKING:
    from musicgen.generation.loaded_run import LoadedRun

MOOD = "mood."
_SAME_QUARTERS = 1e-3  # a locked note is found again within this


@dataclass(frozen=True, eq=False)
class Draft:
    """A version as far as it is written.

    Attributes:
        quarters: How many quarters of what is new are written.
        total: How many there will be.
        make: Decodes its notes.
        span: What is new, in quarters of the piece; None where all is.
    """

    quarters: int
    total: int
    make: Callable[[], Performance]
    span: tuple[float, float] | None = None

    @cached_property
    def performance(self) -> Performance:
        """Its notes, decoded when they are first read."""
        return self.make()


def compose(
    run: "LoadedRun", asking: Asking, *, source: bytes | None, locked: Sequence[tuple[int, float]]
) -> Iterator[Draft]:
    """Write one version; the last draft is the whole.

    New and continued pieces grow quarter by quarter. A run with a renderer plays what is new in the end;
    locked notes stay as they are.

    Args:
        run: Writes it.
        asking: What is asked for; its seed is this version's own.
        source: The MIDI file to continue, fill or vary.
        locked: Pitch and onset, in quarters, of notes that stay.

    Raises:
        ValueError: The run cannot do what is asked.
    """
    if asking.kind == "new":
        yield from _new(run, asking)
        return
    assert source is not None, f"{asking.kind} needs a source"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "source.mid"
        path.write_bytes(source)
        if asking.kind == "continue":
            yield from _continued(run, asking, path)
        else:
            yield _retouched(run, asking, path, locked=locked)


def wishes_of(asking: Asking) -> dict[str, Any]:
    """Put what is asked for in the words of `LoadedRun.generate`.

    Raises:
        ValueError: Two fields are blended at once.
    """
    wishes: dict[str, Any] = {"guidance": asking.guidance}
    chosen = {field: _above_zero(shares) for field, shares in asking.labels.items()}
    blended = [field for field, shares in chosen.items() if len(shares) > 1]
    if len(blended) > 1:
        raise ValueError(f"{' and '.join(blended)} cannot be blended at once; choose one name of either")
    for field, shares in chosen.items():
        if len(shares) > 1:
            wishes["blend"] = shares
        elif shares:
            wishes[field] = next(iter(shares))
    wishes["attributes"] = {
        name: value for name, value in asking.attributes.items() if not name.startswith(MOOD)
    }
    wishes["mood"] = {
        name.removeprefix(MOOD): value for name, value in asking.attributes.items() if name.startswith(MOOD)
    }
    if asking.key and asking.kind == "new":
        wishes["key"] = asking.key
    return wishes


def _above_zero(shares: Mapping[str, float]) -> dict[str, float]:
    return {name: share for name, share in shares.items() if share > 0}


def _new(run: "LoadedRun", asking: Asking) -> Iterator[Draft]:
    """Write a piece; one that is moved to a key afterwards comes in one go."""
    wishes, total = wishes_of(asking), asking.quarters
    size = {"num_quarters": total, "seed": asking.seed, "tempo_bpm": asking.tempo_bpm}
    size |= {"best_of": asking.best_of or None}
    last: StreamedQuarter | None = None
    if asking.key and not (run.can.one_key or "key" in run.can.labels):
        [piece] = run.generate(1, sampling=_sampling(asking), **size, **wishes)
    else:
        for last in run.stream(sampling=_sampling(asking), **size, **wishes):
            yield _draft(last)
        assert last is not None, "a piece has a quarter or more"
        piece = last.piece
    yield Draft(total, total, partial(_played, run, asking, piece))


def _continued(run: "LoadedRun", asking: Asking, path: Path) -> Iterator[Draft]:
    total, last = asking.quarters, None
    how = {"num_quarters": total, "seed": asking.seed, "sampling": _sampling(asking), **wishes_of(asking)}
    for last in run.stream(path, best_of=asking.best_of or None, **how):
        yield _draft(last)
    assert last is not None, "a continuation has a quarter or more"
    score = last.piece.performance.score
    seam = score.seam_quarters if score is not None else None
    span = None if seam is None else (seam, seam + total)
    yield Draft(total, total, partial(_played, run, asking, last.piece), span)


def _draft(quarter: StreamedQuarter) -> Draft:
    return Draft(quarter.number + 1, quarter.total, lambda: quarter.piece.performance)


def _retouched(run: "LoadedRun", asking: Asking, path: Path, *, locked: Sequence[tuple[int, float]]) -> Draft:
    """Fill or vary the marked part; locked notes in it stay."""
    assert asking.span is not None, f"{asking.kind} needs a marked part"
    source = read_midi(path)
    part = math.floor(asking.span[0]), min(math.ceil(asking.span[1]), math.ceil(source.duration_quarters))
    how = {"quarters": part, "seed": asking.seed, "sampling": _sampling(asking), **wishes_of(asking)}
    if asking.kind == "fill":
        [piece] = run.fill(path, **how)
    else:
        [piece] = run.vary(path, share=asking.share, **how)
    length = part[1] - part[0]
    written = with_locked(piece.performance, source, locked=locked, part=part)
    return Draft(length, length, lambda: written, (float(part[0]), float(part[1])))


def with_locked(
    written: Performance,
    source: Performance,
    *,
    locked: Sequence[tuple[int, float]],
    part: tuple[float, float],
) -> Performance:
    """Put the locked notes of a part back, in place of what was written over them.

    Args:
        written: The new version.
        source: The piece that it was made from.
        locked: Pitch and onset, in quarters, of notes that stay.
        part: What was written anew, in quarters.
    """
    kept = [
        row
        for row in rows_of(source)
        if part[0] <= row[1] < part[1]
        and any(row[0] == pitch and abs(row[1] - onset) < _SAME_QUARTERS for pitch, onset in locked)
    ]
    if not kept:
        return written
    rows = [row for row in rows_of(written) if not any(_collide(row, one) for one in kept)]
    return from_rows(
        sorted([*rows, *kept], key=lambda row: row[1]), score=written.score or ScoreMap.constant()
    )


def _collide(row: Row, kept: Row) -> bool:
    """Check whether two notes of one pitch sound at once."""
    return row[0] == kept[0] and row[1] < kept[1] + kept[2] and kept[1] < row[1] + row[2]


def _sampling(asking: Asking) -> Sampling:
    return Sampling(temperature=asking.temperature)


def _played(run: "LoadedRun", asking: Asking, piece: GeneratedPiece) -> Performance:
    """Play what is new as the run's renderer has learned it, where it has one."""
    if not has_renderer(run.folder):
        return piece.performance
    renderer = load_renderer(run.folder).module
    chosen = {field: shares for field, shares in asking.labels.items() if shares}
    names = {field: max(shares, key=lambda name: shares[name]) for field, shares in chosen.items()}
    labels = labels_to_render(renderer, names)
    return render_piece(piece, Rendering(renderer, seed=asking.seed, labels=labels)).performance
