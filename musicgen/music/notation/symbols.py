"""Turn voices into note symbols: bars, values, ties, triplets, beams and accidentals."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool

from musicgen.music.metrics.bars import QUARTERS_PER_BAR
from musicgen.music.notation.quantise import UNITS_PER_QUARTER
from musicgen.music.notation.voices import WrittenChord

UNITS_PER_BAR = QUARTERS_PER_BAR * UNITS_PER_QUARTER
_VALUES = (96, 72, 48, 36, 24, 18, 12, 6, 3)
_REST_VALUES = (96, 48, 24, 12, 6, 3)
_TRIPLET_VALUES = (16, 8)
_TRIPLET_UNIT = UNITS_PER_QUARTER // 3


@dataclass
class Symbol:
    """Hold one symbol of a bar: a chord, or a rest where there are no pitches.

    Attributes:
        start: Beginning, in units from the bar's.
        units: Sounding length.
        pitches: MIDI numbers, ascending.
        is_triplet: Whether it is written half as long again, three in the time of two.
        tied_from: Whether it continues the symbol before.
        tied_to: Whether the symbol after continues it.
        beams: For each level of beams, `begin`, `continue`, `end`, `forward hook` or `backward hook`.
        tuplet: `start` or `stop` at the edges of a triplet, else nothing.
    """

    start: int
    units: int
    pitches: tuple[int, ...] = ()
    is_triplet: bool = False
    tied_from: bool = False
    tied_to: bool = False
    beams: list[str] = field(default_factory=list)
    tuplet: str = ""

    @property
    def written_units(self) -> int:
        """Length of the symbol as it looks: in a triplet half as long again."""
        return self.units * 3 // 2 if self.is_triplet else self.units

    @property
    def num_beams(self) -> int:
        """Beams or flags that its value has: 1 for an eighth, 2 for a sixteenth."""
        return sum(self.written_units < limit for limit in (24, 12, 6))


def symbols_of_bar(
    voice: Sequence[WrittenChord], *, bar: int, is_triplet: Bool[np.ndarray, " quarters"]
) -> list[Symbol]:
    """Write what a voice has in one bar, rests in between included.

    Args:
        voice: Chords in order, without overlaps.
        bar: Number of the bar, from 0.
        is_triplet: For each quarter of the piece, whether it is divided in three.

    Returns:
        Symbols that fill the bar; none if the voice is silent there.
    """
    first = bar * UNITS_PER_BAR
    triplets = [_is_triplet(is_triplet, bar * QUARTERS_PER_BAR + beat) for beat in range(QUARTERS_PER_BAR)]
    symbols: list[Symbol] = []
    at = 0
    for chord in voice:
        start, end = chord.start - first, chord.end - first
        if end <= 0 or start >= UNITS_PER_BAR:
            continue
        end_in_bar = _on_a_place(min(end, UNITS_PER_BAR), triplets)
        begin = max(start, at)
        if end_in_bar <= begin:
            continue
        symbols += _pieces(at, begin, triplets)
        tied = _pieces(begin, end_in_bar, triplets, pitches=chord.pitches)
        for symbol in tied:
            symbol.tied_from, symbol.tied_to = symbol is not tied[0] or start < 0, True
        tied[-1].tied_to = end > UNITS_PER_BAR
        symbols += tied
        at = end_in_bar
    if symbols:
        symbols += _pieces(at, UNITS_PER_BAR, triplets)
        _beam(symbols)
        _mark_triplets(symbols)
    return symbols


def _is_triplet(is_triplet: np.ndarray, quarter: int) -> bool:
    return quarter < len(is_triplet) and bool(is_triplet[quarter])


def _on_a_place(unit: int, triplets: Sequence[bool]) -> int:
    """Move an end to the nearest place that its quarter's symbols can reach."""
    beat = unit // UNITS_PER_QUARTER
    grain = _TRIPLET_UNIT if beat < len(triplets) and triplets[beat] else 3
    return round(unit / grain) * grain


def _pieces(start: int, end: int, triplets: Sequence[bool], *, pitches: tuple[int, ...] = ()) -> list[Symbol]:
    """Cut a stretch into symbols, the longest that may stand where it begins first."""
    pieces = []
    while start < end:
        next_beat = (start // UNITS_PER_QUARTER + 1) * UNITS_PER_QUARTER
        in_triplet = triplets[start // UNITS_PER_QUARTER] and (start % 24 > 0 or end < next_beat)
        if in_triplet:
            units = next(value for value in _TRIPLET_VALUES if start + value <= min(end, next_beat))
        else:
            values, fits = (_VALUES, _note_fits) if pitches else (_REST_VALUES, _rest_fits)
            units = next(value for value in values if start + value <= end and fits(value, start, triplets))
        pieces.append(Symbol(start, units, pitches, is_triplet=in_triplet))
        start += units
    return pieces


def _note_fits(units: int, start: int, triplets: Sequence[bool]) -> bool:
    """Say whether a note of this value is easily read where it begins."""
    stop = start + units
    if stop % 24 and triplets[stop // 24]:
        return False
    if units >= 48:
        return start % 24 == 0
    if units >= 24:
        return start % 12 == 0
    return (start % 24) + units <= 24 and (start % 24) % min(units, 6) == 0


def _rest_fits(units: int, start: int, triplets: Sequence[bool]) -> bool:
    """Say whether a rest of this value stands where it should: rests show the beats."""
    stop = start + units
    return start % units == 0 and not (stop % 24 and triplets[stop // 24])


def _beam(symbols: Sequence[Symbol]) -> None:
    """Join the short notes of each beat."""

    def place(symbol: Symbol) -> tuple[int, bool]:
        return symbol.start // UNITS_PER_QUARTER, bool(symbol.pitches) and symbol.num_beams > 0

    for (_, has_beams), run in itertools.groupby(symbols, key=place):
        if has_beams:
            _join(list(run))


def _join(run: Sequence[Symbol]) -> None:
    if len(run) < 2:
        return
    for level in range(1, 4):
        for index, symbol in enumerate(run):
            if symbol.num_beams < level:
                continue
            before = index > 0 and run[index - 1].num_beams >= level
            after = index + 1 < len(run) and run[index + 1].num_beams >= level
            hook = "backward hook" if index else "forward hook"
            symbol.beams.append(
                {(False, True): "begin", (True, True): "continue", (True, False): "end"}.get(
                    (before, after), hook
                )
            )


def _mark_triplets(symbols: Sequence[Symbol]) -> None:
    for beat in range(QUARTERS_PER_BAR):
        inside = [one for one in symbols if one.is_triplet and one.start // UNITS_PER_QUARTER == beat]
        if inside:
            inside[0].tuplet, inside[-1].tuplet = "start", "stop"
