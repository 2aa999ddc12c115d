"""Time our way and the reference's in turn, and keep what comes out as a row."""

import resource
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

MEBIBYTE = 2**20


@dataclass(frozen=True)
class Size:
    """How much work a row does.

    Attributes:
        name: `full`, `quick` or `tiny`.
        repeats: Measurements of each way; the row gives their median.
        pieces: Pieces that the networks train on.
        files: Files that are read and cut in one measurement.
        cold_files: Files of the cold start; None takes all.
        steps: Updates in one measurement of training.
        reference_batch: Slices an update of the reference; the original's 512 but where time is short.
        reference_updates: Updates of the reference whose held-out BCE is to be reached.
        reference_windows: Windows an update of the reference's transformer; the original's 128.
        equal_updates: Updates after which float32 and the chosen number type are compared.
        codes: Codes that are drawn in one measurement.
        width: Width of the autoencoder; 128 but in tests.
    """

    name: str
    repeats: int
    pieces: int
    files: int
    cold_files: int | None
    steps: int
    reference_batch: int
    reference_updates: int
    reference_windows: int
    equal_updates: int
    codes: int
    width: int = 128


SIZES = {
    "full": Size("full", 7, 60, 24, None, 12, 512, 300, 128, 300, 768),
    "quick": Size("quick", 3, 24, 6, 100, 4, 128, 40, 16, 40, 192),
    "tiny": Size("tiny", 2, 6, 1, 4, 2, 8, 2, 2, 2, 32, width=16),
}


@dataclass(frozen=True)
class Bench:
    """What every row is told.

    Attributes:
        size: How much work to do.
        device: `cpu` or `cuda`.
        threads: Threads of PyTorch on the CPU.
        root: Folder of MIDI files.
        cache_dir: Where prepared pieces are kept for the rows that train.
    """

    size: Size
    device: str
    threads: int
    root: Path
    cache_dir: Path


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        name: What was measured.
        value: Our median.
        unit: What `value`, `spread` and `reference` are in.
        spread: Distance between the quartiles of our measurements.
        reference: The reference's median in the same unit, or what the mark compares with.
        ratio: How many times better ours is: the median over the pairs measured in turn.
        mark: The ratio, or for `limit` the value, that was asked for; None where nothing was.
        limit: The mark is a value not to be passed instead of a ratio to be reached.
        peak_mib: Peak resident memory of the process during our way.
        reference_peak_mib: The same during the reference's.
        note: What one must know to read the row.
    """

    name: str
    value: float
    unit: str
    spread: float
    reference: float | None
    ratio: float | None
    mark: float | None = None
    limit: bool = False
    peak_mib: float | None = None
    reference_peak_mib: float | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Say whether the mark is met; None where there is none."""
        if self.mark is None:
            return None
        return self.value <= self.mark if self.limit else self.ratio is not None and self.ratio >= self.mark

    def as_json(self) -> dict[str, Any]:
        """Give everything but the name, in plain values."""
        return {key: value for key, value in asdict(self).items() if key != "name"} | {"met": self.met}


def in_turn(
    ours: Callable[[], float], reference: Callable[[], float], *, repeats: int
) -> tuple[list[float], list[float], float, float]:
    """Run each way once to warm up, then both in turn, so that a change of the machine's load meets both.

    Args:
        ours: Does the work and gives its rate or its time.
        reference: The same for the reference.
        repeats: Measurements of each.

    Returns:
        Our measurements, the reference's, and the peak memory of each while warming up, in MiB.
    """
    peaks = []
    for way in (ours, reference):
        forget_peak()
        way()
        peaks.append(peak_mib())
    pairs = [(ours(), reference()) for _ in range(repeats)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs], peaks[0], peaks[1]


def row_of(
    name: str,
    *,
    ours: Sequence[float],
    reference: Sequence[float] | None,
    unit: str,
    lower_is_better: bool = False,
    **more: Any,
) -> Row:
    """Make a row of measurements taken in turn: medians, quartiles, and the median of the pairs' ratios."""
    ratio = None
    if reference is not None:
        pairs = zip(ours, reference, strict=True)
        ratio = statistics.median(theirs / own if lower_is_better else own / theirs for own, theirs in pairs)
    return Row(
        name=name,
        value=statistics.median(ours),
        unit=unit,
        spread=spread_of(ours),
        reference=None if reference is None else statistics.median(reference),
        ratio=ratio,
        **more,
    )


def spread_of(measured: Sequence[float]) -> float:
    """Give the distance between the quartiles; 0 for a single measurement."""
    if len(measured) < 2:
        return 0.0
    low, _, high = statistics.quantiles(measured, n=4, method="inclusive")
    return high - low


def seconds(work: Callable[[], object], *, device: str = "cpu") -> float:
    """Time a piece of work to its end on the device."""
    synchronize(device)
    start = time.perf_counter()
    work()
    synchronize(device)
    return time.perf_counter() - start


def synchronize(device: str) -> None:
    """Wait until the device has done what it was told."""
    if device == "cuda":
        torch.cuda.synchronize()


def forget_peak() -> None:
    """Begin to measure peak memory anew, where the system lets us (Linux)."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def peak_mib(process: int | None = None) -> float:
    """Give the peak resident memory in MiB: of this process since `forget_peak`, or of another's life."""
    try:
        status = Path(f"/proc/{process or 'self'}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024
    except (OSError, IndexError):
        return 0.0 if process else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
