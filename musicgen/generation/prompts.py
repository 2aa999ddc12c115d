"""Read the music that a new piece is to continue."""

import math
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, UInt32

from musicgen.music.beat_grid import BeatsGrid
from musicgen.music.grid import ClockGrid, Grid
from musicgen.music.midi import read_midi, write_midi
from musicgen.music.notes import Performance
from musicgen.music.packing import NUM_PITCHES, TICKS_PER_QUARTER
from musicgen.music.passages import cut_passage
from musicgen.music.score_map import ScoreMap

_LEFT_OUT = (  # counts of what a file holds and a performance does not
    "out_of_range_notes",
    "drum_notes",
    "zero_length_notes",
    "bad_messages",
    "bad_tempos",
    "bad_signatures",
)


@dataclass(frozen=True, eq=False)
class Prompt:
    """Music to continue: as it was played, and as a model sees it.

    Attributes:
        name: file name, for people.
        packed: packed slices of the run's grid, the last one directly before the continuation.
        performance: the notes as they stand in the file, from the beginning of what was taken.
        seam_quarters: where the continuation begins in `performance`.
        held: notes that were cut at the seam, because they sound on behind it.
        cut_notes: how many notes sounded into the beginning of the passage, and are left out.
        on_beats: whether quarters are tracked beats; the file's tempo map is then replaced by theirs.
    """

    name: str
    packed: UInt32[np.ndarray, "quarters pitches"]
    performance: Performance
    seam_quarters: float
    held: Bool[np.ndarray, " notes"]
    cut_notes: int = 0
    on_beats: bool = False

    @property
    def score(self) -> ScoreMap:
        """Tempo, metre, key and pedals of the prompt."""
        return self.performance.score or ScoreMap.constant()

    def description(self, *, is_kept: bool = True) -> str:
        """Describe in one line what is kept of the file and what is not.

        Args:
            is_kept: False where only what follows it is written.
        """
        if not is_kept:
            return f"{len(self.packed)} quarters are read and continued; only what is new is written"
        score = self.score
        beats, unit = score.time_signature_at(self.seam_quarters)
        tempos = 1 + int(np.count_nonzero(np.diff(score.tempo_us)))
        kept = [
            f"{len(self.performance)} notes with their velocities",
            f"{tempos} tempos" if tempos > 1 else f"{score.tempo_bpm_at(0.0):.4g} quarters a minute",
            f"{beats}/{unit}",
            f"{len(score.pedal_tick)} pedal moves",
        ]
        kept += ["seconds (quarters are tracked beats)"] if self.on_beats else []
        lost = [f"{count} {kind}" for kind, count in score.not_kept]
        counts = self.performance.counts
        lost += [
            f"{count} {kind.replace('_', ' ')}" for kind in _LEFT_OUT if (count := getattr(counts, kind))
        ]
        lost += [f"{self.cut_notes} notes that sound into its beginning"] if self.cut_notes else []
        text = f"{len(self.packed)} quarters; kept: {', '.join(kept)}"
        return f"{text}; not kept: {', '.join(lost)}" if lost else text


def read_prompt(
    path: str | Path, *, grid: Grid, num_quarters: int | None = None, bars: str | int | None = None
) -> Prompt:
    """Read a MIDI file as it is, and as the training pieces were read.

    Args:
        path: The file.
        grid: The grid of the run.
        num_quarters: Take so many quarters from the first note's on; None takes all.
        bars: Take these bars, counted from 1 by the file's time signatures: "9-16", "9-" or 9.

    Raises:
        MidiError: The file cannot be read as music.
        ValueError: `num_quarters` or `bars` is no part of the piece, or both are given.
    """
    if num_quarters is not None and bars is not None:
        raise ValueError(
            f"prompt_quarters={num_quarters} and prompt_bars={bars} are two ways to take a part; use one"
        )
    if num_quarters is not None and num_quarters < 1:
        raise ValueError(f"prompt_quarters={num_quarters}; use 1 or more, or null for the whole file")
    path = Path(path)
    performance, is_moved = _played(path, grid)
    first, end = first_quarter(performance), end_quarter(performance)
    if num_quarters is None and bars is None:
        packed, held = grid.read(path).packed, np.zeros(len(performance), bool)
        seam = float(max(end, first + 1))
        return Prompt(path.name, packed, performance, seam, held, on_beats=is_moved)
    if bars is None:
        start, stop = 0.0, float(first + (num_quarters or 0))
    else:
        start, stop = _quarters_of_bars(bars, performance)
    if isinstance(grid, BeatsGrid):  # the part is written on beats, and must not be tracked again
        grid = ClockGrid(sustain=grid.sustain)
    prompt = _cut(path.name, performance, start, min(stop, float(end)), grid=grid)
    return replace(prompt, on_beats=is_moved)


def _played(path: Path, grid: Grid) -> tuple[Performance, bool]:
    """Read the notes of a file in quarters of the grid, and whether these are tracked beats."""
    if not isinstance(grid, BeatsGrid):
        return read_midi(path), False
    performance = replace(grid, sustain=False).performance(path)
    return performance, not performance.counts.pieces_on_clock


def _cut(name: str, performance: Performance, start: float, stop: float, *, grid: Grid) -> Prompt:
    """Take the notes that begin in [start, stop) quarters, and read them by the grid."""
    part = performance.between_quarters(start, stop)
    if len(part) == 0:
        raise ValueError(f"{name}: no note begins in quarters {start:g} to {stop:g}; choose another part")
    sounding = (performance.onset_quarters < start) & (performance.offset_quarters > start)
    held = part.offset_quarters > stop
    part = cut_passage(performance, start, stop)
    with tempfile.TemporaryDirectory() as folder:
        write_midi(part, Path(folder) / "part.mid")
        packed = grid.read(Path(folder) / "part.mid").packed
    seam = math.ceil(stop - start - 1e-6)
    missing = max(seam - first_quarter(part) - len(packed), 0)
    rests = np.zeros((missing, NUM_PITCHES), np.uint32)
    cut_notes = int(np.count_nonzero(sounding))
    return Prompt(name, np.concatenate([packed, rests]), part, float(seam), held, cut_notes)


def _quarters_of_bars(bars: str | int, performance: Performance) -> tuple[float, float]:
    """Turn "9-16" into quarters."""
    end = math.ceil(performance.duration_quarters - 1e-6)
    lines = (performance.score or ScoreMap.constant()).bar_lines(float(end)).tolist()
    first, dash, last = str(bars).replace(" ", "").partition("-")
    try:
        begin = int(first)
        stop = (int(last) if last else len(lines)) if dash else begin
    except ValueError:
        raise ValueError(f"prompt_bars={bars} is no range of bars; use for example 9-16, 9- or 9") from None
    if not 1 <= begin <= stop <= len(lines):
        raise ValueError(f"prompt_bars={bars} is no part of {len(lines)} bars; use 1-{len(lines)} or less")
    return lines[begin - 1], [*lines, float(end)][stop]


def first_quarter(performance: Performance) -> int:
    """Return the quarter of the first onset, rounded to the grid's ticks."""
    return math.floor(np.rint(performance.onset_quarters[0] * TICKS_PER_QUARTER) / TICKS_PER_QUARTER)


def end_quarter(performance: Performance) -> int:
    """Return the quarter that begins at or after the last offset, rounded to the grid's ticks."""
    return math.ceil(np.rint(performance.duration_quarters * TICKS_PER_QUARTER) / TICKS_PER_QUARTER)
