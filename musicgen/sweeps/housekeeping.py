"""Runs on the disk: what they hold, what of it is of no more use, and how to be rid of it."""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from musicgen.pipeline.reuse.record import read_records
from musicgen.pipeline.status import is_alive, read_status
from musicgen.reports.runs.runs import Run, find_runs, read_run

_SHOWN = ("vq_vae/val/bce", "vq_vae/val/perplexity", "val/bits_per_quarter")


@dataclass(frozen=True)
class Kept:
    """One run and what it takes of the disk.

    Attributes:
        run: The run.
        num_bytes: Of all its files; those that it shares with other runs count in each.
        checkpoint_bytes: Of its checkpoints.
        trained_on: Its pieces, in words.
        taken: Stage to the run folder that it was taken from.
    """

    run: Run
    num_bytes: int
    checkpoint_bytes: int
    trained_on: str
    taken: dict[str, str]

    def description(self) -> list[str]:
        """Say what it is, what was set, what it takes of the disk and what came out, in lines."""
        run, metrics = self.run, self.run.metrics
        return [
            f"{run.folder}: {run.status} {run.reason}".rstrip(),
            f"  trained on   {self.trained_on}",
            f"  set          {' '.join(run.overrides) or 'nothing'}",
            f"  size         {readable(self.num_bytes)}, {readable(self.checkpoint_bytes)} of it checkpoints",
            *(f"  taken        {stage} from {folder}" for stage, folder in self.taken.items()),
            *(f"  {name:<25} {metrics[name]:.4g}" for name in _SHOWN if name in metrics),
        ]


@dataclass(frozen=True)
class Removable:
    """A file or folder that is of no more use, and why."""

    path: Path
    reason: str

    @cached_property
    def num_bytes(self) -> int:
        """Count what its removal frees: a file that the cache or another run shares frees nothing."""
        return size(self.path, shared=False)

    def remove(self) -> None:
        """Remove it."""
        if self.path.is_dir():
            shutil.rmtree(self.path)
        else:
            self.path.unlink(missing_ok=True)


def kept_runs(folders: Sequence[Path]) -> list[Kept]:
    """Read the runs in and below some folders, and what they take."""
    return [_kept(read_run(folder)) for folder in find_runs(folders)]


def _kept(run: Run) -> Kept:
    status = read_status(run.folder)
    checkpoints = run.folder / "checkpoints"
    return Kept(
        run=run,
        num_bytes=size(run.folder),
        checkpoint_bytes=size(checkpoints) if checkpoints.is_dir() else 0,
        trained_on=_pieces(run.folder),
        taken=status.taken if status else {},
    )


def _pieces(folder: Path) -> str:
    for record in read_records(folder):
        data: dict[str, Any] | None = record.settings.get("data")
        if data:
            return f"{data['train_pieces']}+{data['val_pieces']} pieces of {data['source']}"
    return "unknown"


def removable(folders: Sequence[Path], *, cache: Path | None, failed: bool, last: bool) -> list[Removable]:
    """Find what is of no more use; runs that are at work are left alone.

    Args:
        folders: Runs, sweeps, or folders of them.
        cache: The cache whose trained stages are looked at, too; None looks at none.
        failed: Take runs that failed, whole.
        last: Take the last checkpoints of runs that are done: only the best are needed to generate, but
            a run without them cannot be trained on.
    """
    found = [one for folder in folders for one in (*_leftovers(folder), *_orphans(folder))]
    for folder in find_runs([folder for folder in folders if folder.is_dir()]):
        if is_alive(folder):
            continue
        run = read_run(folder)
        if failed and run.status == "failed":
            found.append(Removable(folder, f"failed: {run.reason[:80]}"))
        elif last and run.status == "done":
            paths = sorted((folder / "checkpoints").glob("*-last.ckpt"))
            found += [Removable(path, "the run is done") for path in paths]
    if cache is not None:
        found += [*_unshared(cache / "stages"), *_leftovers(cache)]
    return found


def _leftovers(folder: Path) -> Iterator[Removable]:
    """Find what killed processes left of unfinished files."""
    for path in folder.rglob(".*.partial"):
        yield Removable(path, "left of a file that was never finished")


def _orphans(folder: Path) -> Iterator[Removable]:
    """Find checkpoints that no config belongs to; the trained stages of a cache are not meant."""
    for checkpoints in [path for path in folder.rglob("checkpoints") if path.is_dir()]:
        run = checkpoints.parent
        has_run = (run / ".hydra").is_dir() or (run / "metrics.json").is_file()
        if not has_run and run.parent.name != "stages":
            reason = "checkpoints without a run: no .hydra and no metrics.json"
            yield Removable(checkpoints, reason)


def _unshared(stages: Path) -> Iterator[Removable]:
    """Find trained stages in the cache that no run has any more: their files have no other name."""
    for entry in sorted(path for path in stages.glob("*") if (path / "checkpoints").is_dir()):
        files = [path for path in entry.rglob("*.ckpt") if path.is_file()]
        if files and all(path.stat().st_nlink == 1 for path in files):
            yield Removable(entry, "a trained stage in the cache that no run here shares")


def size(path: Path, *, shared: bool = True) -> int:
    """Give the bytes of a file, or of all files below a folder.

    Args:
        path: The file or folder.
        shared: Count files that have other names elsewhere, too.
    """
    files = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
    found = [file.stat() for file in files]
    return sum(one.st_size for one in found if shared or one.st_nlink == 1)


def total(parts: Iterable[Removable]) -> int:
    """Add up what is freed at least."""
    return sum(part.num_bytes for part in parts)


def readable(num_bytes: int) -> str:
    """Write a number of bytes as people do."""
    value = float(num_bytes)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"
