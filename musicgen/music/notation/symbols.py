"""Turn voices into note symbols: values, ties, tuplets and beams."""

import itertools
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from musicgen.music.notation.cells import Cell, cells_of_bar
from musicgen.music.notation.divisions import UNITS_PER_QUARTER
from musicgen.music.notation.metre import BarSpan
from musicgen.music.notation.voices import WrittenChord
from musicgen.music.theory.spelling import SpelledPitch

_HALF, _QUARTER, _EIGHTH, _SIXTEENTH = (UNITS_PER_QUARTER * 2 // parts for parts in (1, 2, 4, 8))
_SHORTEST = _SIXTEENTH // 4
_REST_VALUES = tuple(_SHORTEST << doublings for doublings in range(6, -1, -1))  # a whole rest to a 64th
_VALUES = tuple(
    sorted([*_REST_VALUES, *(3 * value // 2 for value in _REST_VALUES if value > _SIXTEENTH // 2)])[::-1]
)
_DOTTED_BEAT = _QUARTER + _EIGHTH
_TUPLET_VALUES = (16, 12, 8, 6, 4, 3, 2, 1)  # in parts of the tuplet


@dataclass
class Symbol:
    """One symbol of a bar: a chord, or a rest where there are no pitches.

    Attributes:
        start: Beginning, in units from the bar's.
        units: Sounding length.
        pitches: MIDI numbers, ascending.
        names: How each pitch is spelled.
        actual: Symbols of this tuplet that take the time of `normal` ones; both are 1 outside tuplets.
        normal: See `actual`.
        tied_from: Whether it continues the symbol before.
        tied_to: Whether the symbol after continues it.
        beams: For each level of beams, `begin`, `continue`, `end`, `forward hook` or `backward hook`.
        tuplet: `start` or `stop` at the edges of a tuplet, else nothing.
    """

    start: int
    units: int
    pitches: tuple[int, ...] = ()
    names: tuple[SpelledPitch, ...] = ()
    actual: int = 1
    normal: int = 1
    tied_from: bool = False
    tied_to: bool = False
    beams: list[str] = field(default_factory=list)
    tuplet: str = ""

    @property
    def is_tuplet(self) -> bool:
        """Whether it is written longer or shorter than it sounds."""
        return self.actual != self.normal

    @property
    def written_units(self) -> int:
        """Length of the symbol as it looks: in a triplet half as long again."""
        return self.units * self.actual // self.normal

    @property
    def num_beams(self) -> int:
        """Beams or flags that its value has: 1 for an eighth, 2 for a sixteenth."""
        return sum(self.written_units < _QUARTER >> level for level in range(4))


def symbols_of_bar(voice: Sequence[WrittenChord], *, bar: BarSpan, division: Sequence[int]) -> list[Symbol]:
    """Write what a voice has in one bar, rests in between included.

    Args:
        voice: Chords in order, without overlaps, that begin and end on places of the division.
        bar: The bar.
        division: For each quarter of the piece, into how many parts the hand divides it.

    Returns:
        Symbols that fill the bar; none if the voice is silent there.
    """
    chords = [chord for chord in voice if chord.start < bar.end and chord.end > bar.start]
    if not chords:
        return []
    edges = {edge - bar.start for chord in chords for edge in (chord.start, chord.end)}
    writer = _Writer(bar, cells_of_bar(edges, bar=bar, division=division))
    symbols: list[Symbol] = []
    at = 0
    for chord in chords:
        begin, end = max(chord.start, bar.start) - bar.start, min(chord.end, bar.end) - bar.start
        symbols += writer.rests(at, begin) + writer.notes(begin, end, chord)
        at = end
    symbols += writer.rests(at, bar.units)
    _beam(symbols, bar)
    _mark_tuplets(symbols, writer.cells)
    return symbols


def rests_of_bar(bar: BarSpan) -> list[Symbol]:
    """Fill a silent bar with rests that show its beats, where one rest for the bar would hide its length."""
    return _Writer(bar, [Cell(0, bar.units)]).rests(0, bar.units)


class _Writer:
    """Cuts stretches of one voice in one bar into symbols."""

    def __init__(self, bar: BarSpan, cells: list[Cell]):
        self.bar, self.cells = bar, cells
        self._starts = [cell.start for cell in cells]

    def rests(self, start: int, end: int) -> list[Symbol]:
        """Fill a stretch with rests."""
        return self._pieces(start, end, None)

    def notes(self, start: int, end: int, chord: WrittenChord) -> list[Symbol]:
        """Fill a stretch with a chord, tied together."""
        tied = self._pieces(start, end, chord)
        for symbol in tied:
            symbol.tied_from, symbol.tied_to = symbol is not tied[0], symbol is not tied[-1]
        tied[0].tied_from = chord.start < self.bar.start
        tied[-1].tied_to = chord.end > self.bar.end
        return tied

    def _cell(self, unit: int) -> Cell:
        return self.cells[bisect_right(self._starts, unit) - 1]

    def _pieces(self, start: int, end: int, chord: WrittenChord | None) -> list[Symbol]:
        """Cut a stretch into symbols, the longest that may stand where it begins first."""
        pieces = []
        pitches, names = (chord.pitches, chord.names) if chord else ((), ())
        while start < end:
            cell = self._cell(start)
            if cell.parts > 1:
                units = _units_in_tuplet(start, min(end, cell.end), cell)
                piece = Symbol(start, units, pitches, names, actual=cell.parts, normal=cell.normal)
            else:
                values, fits = (_VALUES, self._note_fits) if chord else (_REST_VALUES, self._rest_fits)
                if not chord and self.bar.beat == _DOTTED_BEAT:
                    values = _VALUES
                units = next(value for value in values if start + value <= end and fits(value, start))
                piece = Symbol(start, units, pitches, names)
            pieces.append(piece)
            start += units
        return pieces

    def _ends_in_tuplet(self, stop: int) -> bool:
        cell = self._cell(stop)
        return cell.parts > 1 and stop > cell.start

    def _note_fits(self, units: int, start: int) -> bool:
        """Whether a note of this value is easily read where it begins."""
        place, beat = start + self.bar.elapsed, self.bar.beat
        if self._ends_in_tuplet(start + units):
            return False
        if units < _EIGHTH:
            in_half = place % _EIGHTH
            return (
                in_half + units <= _EIGHTH and in_half % (units if units in _REST_VALUES else units // 3) == 0
            )
        if beat == _DOTTED_BEAT and units >= beat:
            return place % beat == 0 and units % beat == 0
        if units < beat:
            return place % beat + units <= beat and place % (_SIXTEENTH if units < _QUARTER else _EIGHTH) == 0
        return place % (_QUARTER if units >= _HALF else _EIGHTH) == 0

    def _rest_fits(self, units: int, start: int) -> bool:
        """Whether a rest of this value stands where it should: rests show the beats."""
        place, beat = start + self.bar.elapsed, self.bar.beat
        if self._ends_in_tuplet(start + units):
            return False
        if beat == _QUARTER:
            return place % units == 0
        if units >= beat:
            return units % beat == 0 and place % units == 0
        is_dotted = units % 3 == 0 and units not in _REST_VALUES
        return not is_dotted and place % beat + units <= beat and place % beat % units == 0


def _units_in_tuplet(start: int, stop: int, cell: Cell) -> int:
    """Length of the longest symbol of a tuplet that may stand at its beginning."""
    part = cell.units // cell.parts
    at, most = (start - cell.start) // part, (stop - start) // part
    return part * next(
        value
        for value in _TUPLET_VALUES
        if value <= most and (value % 3 or cell.parts % 3 or at % value == 0)
    )


def _beam(symbols: Sequence[Symbol], bar: BarSpan) -> None:
    """Join the short notes of each beat."""

    def place(symbol: Symbol) -> tuple[int, bool]:
        return (symbol.start + bar.elapsed) // bar.beat, bool(symbol.pitches) and symbol.num_beams > 0

    for (_, has_beams), run in itertools.groupby(symbols, key=place):
        if has_beams:
            _join(list(run))


def _join(run: Sequence[Symbol]) -> None:
    if len(run) < 2:
        return
    for level in range(1, 5):
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


def _mark_tuplets(symbols: Sequence[Symbol], cells: Sequence[Cell]) -> None:
    for cell in cells:
        if cell.parts > 1:
            inside = [symbol for symbol in symbols if cell.start <= symbol.start < cell.end]
            inside[0].tuplet, inside[-1].tuplet = "start", "stop"
