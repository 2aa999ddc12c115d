"""Make a performance a score that a pianist can read: two staves, quantised, with chord names."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from musicgen.music.metrics.bars import first_quarter
from musicgen.music.notation.divisions import UNITS_PER_QUARTER
from musicgen.music.notation.dynamics import mark_dynamics
from musicgen.music.notation.metre import BarSpan, Metre, bars_of
from musicgen.music.notation.naming import LocalHarmony, Voices, name_voices
from musicgen.music.notation.quantise import WrittenNotes, quantise
from musicgen.music.notation.symbols import Symbol, rests_of_bar, symbols_of_bar
from musicgen.music.notation.voices import two_voices
from musicgen.music.notes import Performance
from musicgen.music.theory.harmony import Key, Step, estimate_key, estimate_local_keys, fit_chords
from musicgen.music.theory.keys import LOCAL_KEY_QUARTERS
from musicgen.music.theory.spelling import name_in_key, signature_of

_NO_KEY = Key(0, "major")
_ROOTLESS = ("dim", "dim7", "aug")  # which of their tones is the root is not heard, nor how they are spelled


@dataclass(frozen=True)
class Bar:
    """A bar.

    Attributes:
        span: Where it lies.
        staves: For the right and the left hand two voices of symbols, a silent one without any.
        chords: Chords that begin here, and where each stands, in units from the bar's beginning.
        dynamic: A mark such as `mf` at its beginning; nothing where the one before stays in force.
        seam: Where in it a continuation begins, in units from the bar's beginning; None where it does not.
    """

    span: BarSpan
    staves: tuple[tuple[list[Symbol], list[Symbol]], tuple[list[Symbol], list[Symbol]]]
    chords: tuple[tuple[int, Step], ...] = ()
    dynamic: str = ""
    seam: int | None = None


@dataclass(frozen=True)
class Score:
    """A piece as it is written down.

    Attributes:
        bars: Its bars, at least one; the first is shorter where there is a pickup.
        key: What the key signature shows.
        local_keys: A key for every two quarters.
    """

    bars: tuple[Bar, ...]
    key: Key
    local_keys: tuple[Key, ...]

    @property
    def fifths(self) -> int:
        """Sharps of the key signature, or its flats as a number below 0."""
        return signature_of(self.key.tonic_name, minor=self.key.mode == "minor")


def make_score(
    performance: Performance,
    *,
    metre: Metre | None = None,
    chord_names: bool = True,
    max_quarters: int | None = None,
) -> Score:
    """Write a performance down.

    Times go to the simplest division of each quarter (see `quantise`), the hands part at a border that moves
    as little as it can (`right_hand`), each staff has one voice, or two where notes are held against others
    (`two_voices`), notes are spelled by the key and the chord around them (`name_voices`), and dynamics
    follow the velocities.

    Args:
        performance: The notes; none give one empty bar.
        metre: Of the whole piece; None takes what the performance's file says, or four quarters a bar from
            the first onset's where it says nothing (see `bars_of`).
        chord_names: Name the chords above (see `fit_chords`).
        max_quarters: Write so many quarters from the beginning only; the key is that of the whole piece.
    """
    key = estimate_key(performance) if len(performance) else _NO_KEY
    local_keys = estimate_local_keys(performance)
    steps = fit_chords(performance, local_keys=local_keys)
    end = UNITS_PER_QUARTER * (int(np.ceil(performance.duration_quarters)) + 1)
    whole = metre.bars(end) if metre else bars_of(performance, end)
    cut = [span.start // UNITS_PER_QUARTER for span in whole if span.start % UNITS_PER_QUARTER]
    notes = quantise(performance, plain_quarters=cut)
    division = notes.division.tolist()
    harmony_at = partial(_harmony_at, local_keys=local_keys or [key], steps=steps, home=key)
    voices = [_voices(notes, hand, division[hand], harmony_at) for hand in (0, 1)]
    last = int(notes.offset.max(initial=1))
    if max_quarters is not None:
        last = min(last, max_quarters * UNITS_PER_QUARTER)
    spans = [span for span in whole if span.start < last]
    seam = _seam_unit(performance)
    marks = mark_dynamics(performance, [span.start / UNITS_PER_QUARTER for span in spans])
    bars = [
        Bar(
            span=span,
            staves=(_staff(voices[0], span, division[0]), _staff(voices[1], span, division[1])),
            chords=_chords_of(steps, span) if chord_names else (),
            dynamic=mark,
            seam=seam - span.start if seam is not None and span.start <= seam < span.end else None,
        )
        for span, mark in zip(spans, marks, strict=True)
    ]
    return Score(bars=tuple(bars), key=key, local_keys=tuple(local_keys))


def typical_tempo_bpm(performance: Performance) -> float:
    """Find the tempo below which half of a performance's quarters lie, in quarters a minute; 120 without one.

    Where quarters are tracked beats each has a tempo of its own, and the first says little of the piece.
    """
    score = performance.score
    if score is None or len(performance) == 0:
        return 120.0
    first, last = performance.onset_quarters[0], performance.duration_quarters
    edges = np.append(score.tempo_tick / score.ticks_per_quarter, last).clip(first, last)
    order = np.argsort(-score.tempo_us, kind="stable")
    reached = np.cumsum(np.diff(edges)[order])
    return 60e6 / int(score.tempo_us[order[np.searchsorted(reached, reached[-1] / 2)]])


def tonic_near(key: Key, home: Key) -> str:
    """Name the tonic of a passage as the whole piece's key would: G# in a piece with four sharps."""
    return name_in_key(key.tonic, home.tonic_name)


def _seam_unit(performance: Performance) -> int | None:
    """Find where a continuation begins, in units from the piece's beginning; None where no marker says so."""
    seam = performance.score.seam_quarters if performance.score and len(performance) else None
    return None if seam is None else round((seam - first_quarter(performance)) * UNITS_PER_QUARTER)


def _harmony_at(unit: int, *, local_keys: Sequence[Key], steps: Sequence[Step], home: Key) -> LocalHarmony:
    """Find key and chord at a time in units."""
    quarter = unit // UNITS_PER_QUARTER
    key = local_keys[min(quarter // LOCAL_KEY_QUARTERS, len(local_keys) - 1)]
    tonic_name = tonic_near(key, home)
    begun = bisect_right(steps, quarter, key=lambda step: step.start_quarter)
    chord = steps[begun - 1].chord if begun else None
    tones = {} if chord is None or chord.quality in _ROOTLESS else chord.tones_within(tonic_name)
    return LocalHarmony(tonic_name=tonic_name, is_minor=key.mode == "minor", tones=tones)


def _voices(
    notes: WrittenNotes,
    hand: int,
    division: Sequence[int],
    harmony_at: Callable[[int], LocalHarmony],
) -> Voices:
    """Write the notes of one hand, 0 for the right, as voices with names."""
    mine = notes.is_right == (hand == 0)
    columns = (notes.onset[mine].tolist(), notes.offset[mine].tolist(), notes.pitch[mine].tolist())
    voices = two_voices(list(zip(*columns, strict=True)), division=division)
    return name_voices(voices, harmony_at=harmony_at)


def _staff(voices: Voices, span: BarSpan, division: Sequence[int]) -> tuple[list[Symbol], list[Symbol]]:
    upper, lower = (symbols_of_bar(voice, bar=span, division=division) for voice in voices)
    if not upper and not lower and span.elapsed:
        return rests_of_bar(span), []
    return (upper, lower) if upper else (lower, [])  # a voice that is alone in its bar is the first


def _chords_of(steps: Sequence[Step], span: BarSpan) -> tuple[tuple[int, Step], ...]:
    places = [(step.start_quarter * UNITS_PER_QUARTER - span.start, step) for step in steps]
    return tuple((place, step) for place, step in places if 0 <= place < span.units)
