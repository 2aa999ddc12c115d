"""Read the music that a new piece is to continue, and join it, as it was played, with what continues it."""

import math
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float64, Int16, UInt8, UInt32

from musicgen.generation.generate import GeneratedPiece
from musicgen.music.beat_grid import BeatsGrid
from musicgen.music.grid import ClockGrid, Grid
from musicgen.music.midi import read_midi, write_midi
from musicgen.music.notes import Performance
from musicgen.music.packing import NUM_PITCHES, TICKS_OF_ALL_GRIDS, TICKS_PER_QUARTER
from musicgen.music.passages import cut_passage
from musicgen.music.score_map import SEAM, ScoreMap

_MAX_TICKS_PER_QUARTER = 0x7FFF
_NEAR_SEMITONES = 6.0
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


@dataclass(frozen=True, eq=False)
class _NewNotes:
    """What a piece holds behind its prompt, in quarters from the seam."""

    pitch: Int16[np.ndarray, " notes"]
    onset: Float64[np.ndarray, " notes"]
    offset: Float64[np.ndarray, " notes"]


def continue_prompt(
    piece: GeneratedPiece, prompt: Prompt, *, tempo_bpm: float | None = None, keep_prompt: bool = True
) -> GeneratedPiece:
    """Put the prompt back as it was played, and what is new behind it.

    The prompt's notes keep their times, velocities and pedals. What is new goes on in the last tempo and
    metre of the prompt, each note as loud as the prompt's notes near its pitch are on average. A note that
    was cut at the seam lasts as long as the model holds it. A marker stands at the seam.

    Args:
        piece: Generated from the prompt's slices.
        prompt: What it continues.
        tempo_bpm: Quarters a minute of what is new; None takes the prompt's last tempo.
        keep_prompt: False leaves only what is new, which then begins at 0.
    """
    new, held_until = _behind_the_seam(piece, prompt)
    seam, played = prompt.seam_quarters, prompt.performance
    score = _score(prompt, tempo_bpm)
    velocity = velocities_like(new.pitch, played)
    if not keep_prompt:
        score = score.between(seam, math.inf)
        performance = performed(score, new.pitch, new.onset, new.offset, velocity)
        new_quarters = slice(piece.prompt_quarters, None)
        return replace(
            piece,
            codes=piece.codes[new_quarters],
            packed=piece.packed[new_quarters],
            performance=performance,
            prompt_quarters=0,
        )
    performance = performed(
        score.with_marker(SEAM, quarter=seam),
        np.concatenate([played.pitch, new.pitch]),
        np.concatenate([played.onset_quarters, seam + new.onset]),
        np.concatenate([np.where(prompt.held, held_until, played.offset_quarters), seam + new.offset]),
        np.concatenate([played.velocity, velocity]),
    )
    return replace(piece, performance=performance)


def _behind_the_seam(
    piece: GeneratedPiece, prompt: Prompt
) -> tuple[_NewNotes, Float64[np.ndarray, " prompt_notes"]]:
    """Return what is new, and how long each of the prompt's notes lasts where it was cut at the seam.

    A run of cells across the seam is a held note where the prompt's note was cut there, and a new one where
    the prompt's note ended.
    """
    notes, played = piece.performance, prompt.performance
    onset, offset = (
        notes.onset_quarters - piece.prompt_quarters,
        notes.offset_quarters - piece.prompt_quarters,
    )
    across = (onset < 0) & (offset > 0)
    held_until = played.offset_quarters.copy()
    is_held: Bool[np.ndarray, " notes"] = np.zeros(len(notes), bool)
    for index in np.flatnonzero(across):
        mine = np.flatnonzero(prompt.held & (played.pitch == notes.pitch[index]))
        held_until[mine[-1:]] = prompt.seam_quarters + offset[index]
        is_held[index] = len(mine) > 0
    is_new = (offset > 0) & ~is_held
    return _NewNotes(notes.pitch[is_new], np.maximum(onset[is_new], 0.0), offset[is_new]), held_until


def _score(prompt: Prompt, tempo_bpm: float | None) -> ScoreMap:
    """Return the prompt's map up to the seam, in ticks of the grid, and the tempo from there on."""
    seam = prompt.seam_quarters
    score = scaled_to_grid(prompt.score.between(0.0, seam))
    return score if tempo_bpm is None else score.with_tempo(tempo_bpm, from_quarter=seam)


def scaled_to_grid(score: ScoreMap) -> ScoreMap:
    """Return a map in ticks that any grid's ticks are whole numbers of, if a file can have so many."""
    common = math.lcm(score.ticks_per_quarter, TICKS_OF_ALL_GRIDS)
    return score.rescaled(common) if common <= _MAX_TICKS_PER_QUARTER else score


def velocities_like(pitch: Int16[np.ndarray, " new"], played: Performance) -> UInt8[np.ndarray, " new"]:
    """Average the velocities of the notes that were played, those near in pitch most."""
    pitches, place = np.unique(pitch, return_inverse=True)
    distance = (pitches[:, None] - np.arange(128)) / _NEAR_SEMITONES
    weight = np.exp(-0.5 * distance**2) + 1e-9
    number = np.bincount(played.pitch, minlength=128)
    total = np.bincount(played.pitch, weights=played.velocity, minlength=128)
    return np.rint((weight @ total) / (weight @ number)).astype(np.uint8)[place]


def performed(
    score: ScoreMap, pitch: np.ndarray, onset: np.ndarray, offset: np.ndarray, velocity: np.ndarray
) -> Performance:
    """Make a performance of notes whose times are in quarters of a map."""
    ticks = score.ticks_per_quarter
    return Performance.from_arrays(
        pitch,
        onset_s=score.seconds(onset * ticks),
        offset_s=score.seconds(offset * ticks),
        onset_quarters=onset,
        offset_quarters=offset,
        velocity=velocity,
        score=score,
    )
