"""Write the symbols of a staff as MusicXML elements."""

from collections.abc import Mapping, Sequence
from xml.etree import ElementTree as Xml

from musicgen.music.notation.divisions import UNITS_PER_QUARTER
from musicgen.music.notation.naming import signs_of_bar
from musicgen.music.notation.score import Bar
from musicgen.music.notation.symbols import Symbol
from musicgen.music.theory.spelling import SpelledPitch

_NAMES = ("breve", "whole", "half", "quarter", "eighth", "16th", "32nd", "64th")
_TYPES = {UNITS_PER_QUARTER * 8 >> halvings: name for halvings, name in enumerate(_NAMES)}
_ACCIDENTALS = {-2: "flat-flat", -1: "flat", 0: "natural", 1: "sharp", 2: "double-sharp"}


def add(parent: Xml.Element, name: str, content: str | int = "", /, **attributes: str) -> Xml.Element:
    """Add a child element, with text where there is any."""
    child = Xml.SubElement(parent, name, attributes)
    if content != "":
        child.text = str(content)
    return child


def add_staff(measure: Xml.Element, bar: Bar, *, staff: int, fifths: int) -> None:
    """Add the symbols of one staff of a bar.

    Args:
        measure: Element of the bar; the time in it is at the bar's beginning for staff 1, at its end else.
        bar: The bar.
        staff: 1 for the right hand, 2 for the left.
        fifths: Sharps of the key signature, or its flats as a number below 0.
    """
    voices = bar.staves[staff - 1]
    signs = signs_of_bar(voices, fifths=fifths)
    for number, symbols in enumerate(voices, start=1):
        if number == 2 and not symbols:
            continue
        if (staff, number) != (1, 1):
            add(add(measure, "backup"), "duration", bar.span.units)
        place = {"voice": 4 * staff - 4 + number, "staff": staff}
        if not symbols:
            _rest_of_a_bar(measure, bar, place)
        stem = ("up" if number == 1 else "down") if voices[1] else ""
        for symbol in symbols:
            if not symbol.pitches and not symbol.is_tuplet and _is_hidden(symbol, voices[2 - number], number):
                add(add(measure, "forward"), "duration", symbol.units)
            else:
                _symbol(measure, symbol, place, stem, signs)


def _is_hidden(rest: Symbol, other: Sequence[Symbol], voice: int) -> bool:
    """Whether a rest need not be seen: the lower voice's, and one while the other voice sounds."""
    sounding = [symbol for symbol in other if symbol.pitches]
    ends = rest.start + rest.units
    return voice == 2 or any(one.start < ends and one.start + one.units > rest.start for one in sounding)


def _rest_of_a_bar(measure: Xml.Element, bar: Bar, place: Mapping[str, int]) -> None:
    note = add(measure, "note")
    add(note, "rest", measure="yes")
    add(note, "duration", bar.span.units)
    for name, value in place.items():
        add(note, name, value)


def _symbol(
    measure: Xml.Element,
    symbol: Symbol,
    place: Mapping[str, int],
    stem: str,
    signs: Mapping[tuple[int, int], int],
) -> None:
    """Write a rest, or the notes of a chord, in the order that the format asks for."""
    notes = list(zip(symbol.pitches, symbol.names, strict=True)) or [(0, None)]
    for index, (pitch, name) in enumerate(notes):
        note = add(measure, "note")
        if name is None:
            add(note, "rest")
        else:
            if index:
                add(note, "chord")
            _pitch(note, name)
        add(note, "duration", symbol.units)
        ties = [kind for kind, is_tied in (("stop", symbol.tied_from), ("start", symbol.tied_to)) if is_tied]
        for kind in ties:
            add(note, "tie", type=kind)
        add(note, "voice", place["voice"])
        _value(note, symbol)
        if (id(symbol), pitch) in signs:
            add(note, "accidental", _ACCIDENTALS[signs[id(symbol), pitch]])
        if symbol.is_tuplet:
            _time_modification(note, symbol)
        if stem and name is not None:
            add(note, "stem", stem)
        add(note, "staff", place["staff"])
        for level, beam in enumerate(symbol.beams if not index else (), start=1):
            add(note, "beam", beam, number=str(level))
        _notations(note, ties, symbol.tuplet if not index else "")


def _pitch(note: Xml.Element, name: SpelledPitch) -> None:
    pitch = add(note, "pitch")
    add(pitch, "step", name.letter)
    if name.alteration:
        add(pitch, "alter", name.alteration)
    add(pitch, "octave", name.octave)


def _value(note: Xml.Element, symbol: Symbol) -> None:
    units = symbol.written_units
    if units in _TYPES:
        add(note, "type", _TYPES[units])
    else:
        add(note, "type", _TYPES[units * 2 // 3])
        add(note, "dot")


def _time_modification(note: Xml.Element, symbol: Symbol) -> None:
    modification = add(note, "time-modification")
    add(modification, "actual-notes", symbol.actual)
    add(modification, "normal-notes", symbol.normal)


def _notations(note: Xml.Element, ties: Sequence[str], tuplet: str) -> None:
    if not ties and not tuplet:
        return
    notations = add(note, "notations")
    for kind in ties:
        add(notations, "tied", type=kind)
    if tuplet:
        add(notations, "tuplet", type=tuplet)
