"""Put a performance on its own beats: a quarter of the grid is a tracked beat, not half a second."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from musicgen.config.build import Buildable
from musicgen.music.beats import BEATS_VERSION, Beats, track_beats
from musicgen.music.grid import GridPiece, to_packed
from musicgen.music.midi import READER_VERSION, MidiError, read_midi
from musicgen.music.notes import Performance, ReadCounts
from musicgen.music.packing import TICKS_PER_QUARTER
from musicgen.music.score_map import ScoreMap

LOWEST_CONFIDENCE = 0.4
_TICKS_PER_QUARTER = 480
_AT_ONCE_S = 0.03  # a first beat this early is taken as the beginning of the file


@dataclass(frozen=True)
class BeatsGrid(Buildable):
    """Take quarters from tracked beats; a piece whose beats are too uncertain keeps the file's quarters.

    Such pieces are counted as ``pieces_on_clock``.

    Attributes:
        lowest_confidence: Confidence of `track_beats` under which a piece keeps the clock, 0 to 1.
        sustain: Lengthen notes by the sustain pedal.
    """

    lowest_confidence: float = LOWEST_CONFIDENCE
    sustain: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.lowest_confidence <= 1:
            raise ValueError(
                f"lowest_confidence={self.lowest_confidence}; 0 (all pieces on beats) to 1 is allowed"
            )

    @property
    def key(self) -> str:
        """Name the grid, its settings, the tracker's and the reader's version: a part of the cache's path."""
        sustain = "-sustain" if self.sustain else ""
        return f"beats-{self.lowest_confidence:g}{sustain}-v{BEATS_VERSION}-v{READER_VERSION}"

    def read(self, path: str | Path) -> GridPiece:
        """Read a file onto the grid.

        Raises:
            MidiError: The file cannot be read, or is too long for the grid.
        """
        performance = self.performance(path)
        try:
            packed = to_packed(performance)
        except MidiError as error:
            raise MidiError(error.reason, str(path)) from None
        return GridPiece(packed=packed, num_notes=len(performance), counts=performance.counts)

    @property
    def ticks(self) -> int:
        """Steps per quarter to which onsets and offsets are rounded."""
        return TICKS_PER_QUARTER

    def performance(self, path: str | Path) -> Performance:
        """Read the notes of a file, in quarters of its beats or, where these are uncertain, of its tempo map.

        Raises:
            MidiError: The file cannot be read.
        """
        performance = read_midi(path, sustain=self.sustain)
        return moved_onto_beats(performance, lowest_confidence=self.lowest_confidence)


def moved_onto_beats(
    performance: Performance, *, lowest_confidence: float = LOWEST_CONFIDENCE
) -> Performance:
    """Count quarters from tracked beats where these are certain enough, else from the tempo map.

    Args:
        performance: Any notes.
        lowest_confidence: Of `track_beats`; below it the piece is counted as one of ``pieces_on_clock``.
    """
    beats = track_beats(performance)
    if len(beats.times_s) >= 2 and beats.confidence >= lowest_confidence:
        return on_beats(performance, beats)
    return replace(performance, counts=performance.counts + ReadCounts(pieces_on_clock=1))


def on_beats(performance: Performance, beats: Beats) -> Performance:
    """Count quarters from beats; seconds stay, so that the notes go back to where they were played.

    Args:
        performance: Any notes; the quarters they have are forgotten.
        beats: At least two, in the performance's seconds.

    Returns:
        The same notes with a quarter a beat. Its tempo map is the beats' own, a tempo for each beat, and its
        pedals and markers are where they were in seconds; metre and key are left out, since they belong to
        the quarters of before.

    Raises:
        ValueError: There are fewer than two beats.
    """
    if len(beats.times_s) < 2:
        raise ValueError(f"{len(beats.times_s)} beats; at least two are needed to count quarters from")
    line_s = _quarter_lines(beats.times_s)
    onset_quarters = _quarters(performance.onset_s, line_s)
    offset_quarters = np.maximum(_quarters(performance.offset_s, line_s), onset_quarters + 1e-6)
    order = np.lexsort((offset_quarters, performance.pitch, onset_quarters))
    return replace(
        performance,
        pitch=performance.pitch[order],
        onset_s=performance.onset_s[order],
        offset_s=performance.offset_s[order],
        onset_quarters=onset_quarters[order],
        offset_quarters=offset_quarters[order],
        velocity=performance.velocity[order],
        score=_score_of(performance.score, line_s),
    )


def on_clock(performance: Performance, *, tempo_bpm: float = 120.0) -> Performance:
    """Count quarters of one length from seconds: the inverse of `on_beats`.

    Args:
        performance: Any notes.
        tempo_bpm: Quarters a minute of the result.

    Returns:
        The same notes, pedals and markers at the same seconds; metre and key are left out.
    """
    per_second, score = tempo_bpm / 60, performance.score
    clock = ScoreMap.constant(tempo_bpm=tempo_bpm, ticks_per_quarter=_TICKS_PER_QUARTER)
    if score is not None:
        clock = _with_moves(clock, score, lambda seconds: seconds * per_second)
    return replace(
        performance,
        onset_quarters=performance.onset_s * per_second,
        offset_quarters=performance.offset_s * per_second,
        score=clock,
    )


def _quarter_lines(times_s: Float64[np.ndarray, " beats"]) -> Float64[np.ndarray, " lines"]:
    """Return when each quarter begins, from 0 s on: whole quarters of about a beat lead to the first beat."""
    if times_s[0] < _AT_ONCE_S:
        return np.r_[0.0, times_s[1:]]
    lead = max(1, round(float(times_s[0] / (times_s[1] - times_s[0]))))
    return np.r_[np.linspace(0.0, times_s[0], lead + 1)[:-1], times_s]


def _quarters(
    seconds: Float64[np.ndarray, " times"], line_s: Float64[np.ndarray, " lines"]
) -> Float64[np.ndarray, " times"]:
    """Turn seconds into quarters; after the last line it goes on at the last tempo."""
    last = len(line_s) - 1
    beyond = last + (seconds - line_s[-1]) / (line_s[-1] - line_s[-2])
    return np.where(seconds > line_s[-1], beyond, np.interp(seconds, line_s, np.arange(last + 1)))


def _score_of(score: ScoreMap | None, line_s: Float64[np.ndarray, " lines"]) -> ScoreMap:
    """Write the lines as a tempo map, and move the pedals and markers of another map onto it."""
    tempo_us = np.maximum(1, np.rint(np.diff(line_s) * 1e6)).astype(np.int64)
    tick = np.arange(len(tempo_us)) * _TICKS_PER_QUARTER
    beats = ScoreMap(_TICKS_PER_QUARTER, tempo_tick=tick, tempo_us=tempo_us)
    return beats if score is None else _with_moves(beats, score, lambda seconds: _quarters(seconds, line_s))


def _with_moves(to: ScoreMap, score: ScoreMap, quarters: Callable[[np.ndarray], np.ndarray]) -> ScoreMap:
    """Put the pedals and markers of a map where they are in seconds on another one."""
    ticks = [score.pedal_tick, np.array([marker.tick for marker in score.markers], np.int64)]
    pedal, marked = (
        np.rint(quarters(score.seconds(tick)) * to.ticks_per_quarter).astype(np.int64) for tick in ticks
    )
    markers = (replace(one, tick=at) for one, at in zip(score.markers, marked.tolist(), strict=True))
    return replace(to, pedal_tick=pedal, pedal=score.pedal, markers=tuple(markers))
