"""Row: read and cut, one process."""

import itertools

from benchmarks.measure import Bench, Row, in_turn, row_of, seconds
from benchmarks.music import some_files
from benchmarks.reference_reader import read_and_draw
from musicgen.music.grid import ClockGrid

_PASSES = 10  # ours takes a millisecond a file: read the same files several times in one measurement


def read_cut(bench: Bench) -> list[Row]:
    """Read files into packed slices, against a reader that goes message by message into float arrays."""
    grid, notes = ClockGrid(), []
    ours_draw, reference_draw = itertools.count(), itertools.count()

    def ours() -> float:
        files = some_files(bench.root, count=bench.size.files, seed=next(ours_draw))

        def work() -> None:
            notes.append(sum(grid.read(path).num_notes for path in files) / len(files))

        return len(files) / min(seconds(work) for _ in range(_PASSES))

    def reference() -> float:
        files = some_files(bench.root, count=bench.size.files, seed=next(reference_draw))
        return len(files) / seconds(lambda: [read_and_draw(path) for path in files])

    rates, reference_rates, peak, reference_peak = in_turn(ours, reference, repeats=bench.size.repeats)
    return [
        row_of(
            "read_cut",
            ours=rates,
            reference=reference_rates,
            unit="files/s",
            mark=40,
            peak_mib=peak,
            reference_peak_mib=reference_peak,
            note=f"{sorted(rates)[len(rates) // 2] * sum(notes) / len(notes):,.0f} notes/s",
        )
    ]
