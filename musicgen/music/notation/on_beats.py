"""Write performances down on their own beats, where their files know none."""

from dataclasses import dataclass

import numpy as np

from musicgen.music.beat_grid import LOWEST_CONFIDENCE, on_beats
from musicgen.music.beats import Beats, track_beats
from musicgen.music.metrics.bars import first_quarter
from musicgen.music.notation.metre import Metre
from musicgen.music.notation.quantise import is_on_the_beats
from musicgen.music.notes import Performance


@dataclass(frozen=True)
class Writable:
    """A performance whose quarters are beats as far as these are known.

    Attributes:
        performance: The notes; their seconds are as they were.
        metre: What the downbeats say; None where the file's own time signatures hold, or nothing is known.
        tempo_bpm: Middle tempo of tracked beats, a whole number of beats a minute; None for the file's tempo.
    """

    performance: Performance
    metre: Metre | None = None
    tempo_bpm: float | None = None

    @property
    def is_tracked(self) -> bool:
        """Whether the quarters were moved onto tracked beats."""
        return self.tempo_bpm is not None


def on_its_beats(performance: Performance) -> Writable:
    """Move a performance onto its tracked beats, unless it lies on those of its file or they are uncertain.

    Args:
        performance: Any notes.
    """
    if len(performance) == 0 or is_on_the_beats(performance):
        return Writable(performance)
    beats = track_beats(performance)
    if len(beats.times_s) < 2 or beats.confidence < LOWEST_CONFIDENCE:
        return Writable(performance)
    moved = on_beats(performance, beats)
    tempo_bpm = float(np.rint(60 / np.median(np.diff(beats.times_s))))
    return Writable(moved, metre=_metre_of(moved, beats), tempo_bpm=tempo_bpm)


def _metre_of(moved: Performance, beats: Beats) -> Metre | None:
    """Find the commonest bar and the pickup before the first one; None where the downbeats are unknown.

    Single bars that are longer or shorter are not written as such.
    """
    if beats.is_downbeat is None or beats.is_downbeat.sum() < 2 or moved.score is None:
        return None
    downbeats = np.flatnonzero(beats.is_downbeat)
    lengths = np.bincount(np.diff(downbeats))
    length = int(lengths.argmax())
    lead = len(moved.score.tempo_us) + 1 - len(beats.times_s)  # quarters before the first beat
    places = (downbeats + lead - int(first_quarter(moved))) % length
    return Metre(length, 4, pickup_quarters=float(np.bincount(places).argmax()))
