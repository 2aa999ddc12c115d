"""Disk usage of runs, and removal of files that are no longer needed."""

import itertools
import re
import shutil
import textwrap
import time
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from musicgen.pipeline.reuse.record import read_record, read_records
from musicgen.pipeline.status import is_alive, read_status
from musicgen.reports.runs.runs import Run, find_runs, read_run

_PARTIAL = re.compile(r"\..+[.-][0-9a-f]{8}\.partial")  # as we name unfinished files
_BEING_WRITTEN_S = 3600.0  # a younger one may still be
_IN_OUR_CHECKPOINTS = (b"musicgen", b"autoencoder_sha256")
_WIDTH = 80  # columns
_SHOWN = ("vq_vae/val/bce", "vq_vae/val/perplexity", "val/bits_per_quarter")


@dataclass(frozen=True)
class RunUsage:
    """A run and its disk usage.

    Attributes:
        run: The run.
        num_bytes: Size of all its files, including those shared with other runs.
        checkpoint_bytes: Size of its checkpoints.
        trained_on: Description of its pieces.
        taken: Reused stage to the run folder that trained it.
    """

    run: Run
    num_bytes: int
    checkpoint_bytes: int
    trained_on: str
    taken: dict[str, str]

    def description(self) -> list[str]:
        """Describe the run in lines: status, overrides, disk usage, reused stages and main metrics."""
        run, metrics = self.run, self.run.metrics
        return [
            f"{run.folder}: {run.status} {run.reason}".rstrip(),
            f"  trained on   {self.trained_on}",
            *textwrap.wrap(
                f"  set          {' '.join(run.overrides) or 'nothing'}",
                width=_WIDTH,
                subsequent_indent=" " * 15,
                break_long_words=False,
                break_on_hyphens=False,
            ),
            f"  size         {readable(self.num_bytes)}, {readable(self.checkpoint_bytes)} of it checkpoints",
            *(f"  taken        {stage} from {folder}" for stage, folder in self.taken.items()),
            *(f"  {name:<25} {metrics[name]:.4g}" for name in _SHOWN if name in metrics),
        ]


@dataclass(frozen=True)
class Removable:
    """A file or folder that can be removed, and why."""

    path: Path
    reason: str

    @cached_property
    def num_bytes(self) -> int:
        """Bytes that removal frees; files hard-linked elsewhere free nothing."""
        return size(self.path, shared=False)

    def remove(self) -> None:
        """Delete the file or folder."""
        if self.path.is_dir():
            shutil.rmtree(self.path)
        else:
            self.path.unlink(missing_ok=True)


def read_usage(folders: Sequence[Path]) -> list[RunUsage]:
    """Read the runs in and below folders, with their disk usage."""
    return [_usage(read_run(folder)) for folder in find_runs(folders)]


def usage_table(found: Sequence[RunUsage]) -> Group:
    """Draw runs below the folders in which they lie, so that each has a short line.

    Args:
        found: The runs, those of a folder one after the other.

    Returns:
        Each folder with what its runs were trained on, and state, size and name of each run.
    """
    parts: list[Table | Text] = []
    for (parent, pieces), runs in itertools.groupby(
        found, lambda one: (one.run.folder.parent, one.trained_on)
    ):
        parts.append(Text(f"{parent}: {pieces}", style="bold", overflow="fold"))
        table = Table(box=None, show_header=False, pad_edge=False)
        for justify in ("left", "right"):
            table.add_column(justify=justify, no_wrap=True)
        table.add_column(overflow="fold")
        for one in runs:
            table.add_row(f"  {one.run.status}", readable(one.num_bytes), Text(one.run.folder.name))
        parts.append(table)
    return Group(*parts)


def _usage(run: Run) -> RunUsage:
    status = read_status(run.folder)
    checkpoints = run.folder / "checkpoints"
    return RunUsage(
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
    """Find removable files; active runs are skipped.

    Args:
        folders: Runs, sweeps, or folders of them.
        cache: Cache whose trained stages are included; None for none.
        failed: Include the whole folders of failed runs of ours; other programs write `.hydra`, too.
        last: Include the last checkpoints of finished runs. The best ones suffice to generate, but training
            cannot continue without the last.
    """
    found = [item for folder in folders for item in (*_leftovers(folder), *_orphans(folder))]
    for folder in find_runs([folder for folder in folders if folder.is_dir()]):
        if is_alive(folder):
            continue
        run = read_run(folder)
        if failed and run.status == "failed" and _is_ours(run):
            found.append(Removable(folder, f"failed: {run.reason[:80]}"))
        elif last and run.status == "done":
            paths = sorted((folder / "checkpoints").glob("*-last.ckpt"))
            found += [Removable(path, "the run is done") for path in paths]
    if cache is not None:
        found += [*_unshared(cache / "stages"), *_leftovers(cache)]
    return found


def _is_ours(run: Run) -> bool:
    """Tell whether a run is one of musicgen, by the networks that it was told to make."""
    return "vq_vae" in run.config or "transformer" in run.config or bool(run.record.get("version"))


def _leftovers(folder: Path) -> Iterator[Removable]:
    """Find partial files of killed processes."""
    for path in folder.rglob(".*.partial"):
        is_old = time.time() - path.lstat().st_mtime > _BEING_WRITTEN_S
        if _PARTIAL.fullmatch(path.name) and is_old and not path.is_symlink():
            yield Removable(path, "an unfinished file of a killed process")


def _orphans(folder: Path) -> Iterator[Removable]:
    """Find checkpoints of ours without a config, except trained stages in a cache."""
    for checkpoints in [path for path in folder.rglob("checkpoints") if path.is_dir()]:
        run = checkpoints.parent
        has_run = (run / ".hydra").is_dir() or (run / "metrics.json").is_file()
        if not has_run and run.parent.name != "stages" and _is_all_ours(checkpoints):
            reason = "checkpoints without a run: no .hydra and no metrics.json"
            yield Removable(checkpoints, reason)


def _is_all_ours(checkpoints: Path) -> bool:
    """Tell whether a folder holds checkpoints of musicgen and nothing of anybody else."""
    files = list(checkpoints.iterdir())
    return bool(files) and not checkpoints.is_symlink() and all(map(_is_ours_beside, files))


def _is_ours_beside(path: Path) -> bool:
    """Tell whether a file is a checkpoint of musicgen, by what is in it, or the record of one."""
    if path.suffix == ".json":
        return read_record(path.parent.parent, path.stem) is not None
    if path.suffix != ".ckpt" or not path.is_file():
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.endswith("/data.pkl")]
            content = archive.read(names[0]) if names else b""
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError):
        return False
    return all(word in content for word in _IN_OUR_CHECKPOINTS)


def _unshared(stages: Path) -> Iterator[Removable]:
    """Find trained stages in the cache that no run links to."""
    for entry in sorted(path for path in stages.glob("*") if (path / "checkpoints").is_dir()):
        files = [path for path in entry.rglob("*.ckpt") if path.is_file()]
        if files and read_records(entry) and all(path.stat().st_nlink == 1 for path in files):
            yield Removable(entry, "a trained stage in the cache that no run links to")


def size(path: Path, *, shared: bool = True) -> int:
    """Return the size of a file, or of all files below a folder, in bytes.

    Args:
        path: The file or folder.
        shared: Include files with several hard links.
    """
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    stats = [file.stat() for file in files]
    return sum(stat.st_size for stat in stats if shared or stat.st_nlink == 1)


def total(parts: Iterable[Removable]) -> int:
    """Return the bytes that removal frees at least."""
    return sum(part.num_bytes for part in parts)


def readable(num_bytes: int) -> str:
    """Format a number of bytes with a decimal unit."""
    value = float(num_bytes)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"
