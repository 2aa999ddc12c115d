"""Write a score as MusicXML 4.0, so that notation programs open it as it was meant."""

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as Xml

from musicgen.files.atomic import atomic_path
from musicgen.music.notation.quantise import UNITS_PER_QUARTER
from musicgen.music.notation.score import Bar, Score, make_score
from musicgen.music.notation.symbols import UNITS_PER_BAR, Symbol
from musicgen.music.notes import Performance
from musicgen.music.theory.chords import Chord
from musicgen.music.theory.spelling import SHARP_ORDER, SpelledPitch, signature_of

_DOCTYPE = (
    '<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n<!DOCTYPE score-partwise PUBLIC '
    '"-//Recordare//DTD MusicXML 4.0 Partwise//EN" "http://www.musicxml.org/dtds/partwise.dtd">\n'
)
_TYPES = {96: "whole", 48: "half", 24: "quarter", 12: "eighth", 6: "16th", 3: "32nd"}
_ACCIDENTALS = {-1: "flat", 0: "natural", 1: "sharp"}
_KINDS = {
    "": "major", "m": "minor", "dim": "diminished", "aug": "augmented", "7": "dominant",
    "maj7": "major-seventh", "m7": "minor-seventh", "ø7": "half-diminished", "dim7": "diminished-seventh",
}  # fmt: skip

_Accidentals = dict[tuple[int, int], str]
"""What stands before a note, by the identity of its symbol and its pitch."""


def to_musicxml(score: Score, *, tempo_bpm: float = 120.0, title: str = "") -> str:
    """Write a score as MusicXML text.

    Args:
        score: The score.
        tempo_bpm: Quarters a minute, above 0.
        title: What stands above the score.

    Raises:
        ValueError: The tempo is not above 0.
    """
    if not 0 < tempo_bpm < float("inf"):
        raise ValueError(f"tempo_bpm={tempo_bpm} is not a tempo; use for example 120")
    root = Xml.Element("score-partwise", version="4.0")
    if title:
        _add(_add(root, "work"), "work-title", title)
    part_list = _add(root, "part-list")
    _add(_add(part_list, "score-part", id="P1"), "part-name", "Piano")
    part = _add(root, "part", id="P1")
    for number, bar in enumerate(score.bars):
        measure = _add(part, "measure", number=str(number + 1))
        if number == 0:
            _attributes(measure, signature_of(score.key.tonic_name, minor=score.key.mode == "minor"))
            _tempo(measure, tempo_bpm)
        _chord_names(measure, bar, score)
        for staff in (1, 2):
            _staff(measure, score, number, staff)
    _add(_add(part[-1], "barline", location="right"), "bar-style", "light-heavy")
    Xml.indent(root)
    return _DOCTYPE + Xml.tostring(root, encoding="unicode") + "\n"


def write_musicxml(
    performance: Performance,
    path: str | Path,
    *,
    tempo_bpm: float = 120.0,
    title: str = "",
    chord_names: bool = True,
) -> None:
    """Write a performance as a MusicXML score of two staves, whole or not at all.

    Args:
        performance: The notes.
        path: The file.
        tempo_bpm: Quarters a minute, for players of the score, above 0.
        title: What stands above the score.
        chord_names: Name the chords above the staves.

    Raises:
        ValueError: The tempo is not above 0.
        OSError: The file cannot be written.
    """
    text = to_musicxml(make_score(performance, chord_names=chord_names), tempo_bpm=tempo_bpm, title=title)
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _attributes(measure: Xml.Element, fifths: int) -> None:
    attributes = _add(measure, "attributes")
    _add(attributes, "divisions", UNITS_PER_QUARTER)
    _add(_add(attributes, "key"), "fifths", fifths)
    time = _add(attributes, "time")
    _add(time, "beats", 4)
    _add(time, "beat-type", 4)
    _add(attributes, "staves", 2)
    for number, sign, line in ((1, "G", 2), (2, "F", 4)):
        clef = _add(attributes, "clef", number=str(number))
        _add(clef, "sign", sign)
        _add(clef, "line", line)


def _tempo(measure: Xml.Element, tempo_bpm: float) -> None:
    direction = _add(measure, "direction", placement="above")
    metronome = _add(_add(direction, "direction-type"), "metronome")
    _add(metronome, "beat-unit", "quarter")
    _add(metronome, "per-minute", f"{tempo_bpm:g}")
    _add(direction, "staff", 1)
    _add(direction, "sound", tempo=f"{tempo_bpm:g}")


def _chord_names(measure: Xml.Element, bar: Bar, score: Score) -> None:
    at = 0
    for place, step in bar.chords:
        if place > at:
            _add(_add(measure, "forward"), "duration", place - at)
        _harmony(measure, step.chord, step.chord.name_within(score.tonic_near_home(step.key)))
        at = place
    if at:
        _add(_add(measure, "backup"), "duration", at)


def _harmony(measure: Xml.Element, chord: Chord, name: str) -> None:
    whole, _, bass = name.partition("/")
    root = whole[:2] if whole[1:2] in ("#", "b") else whole[:1]
    harmony = _add(measure, "harmony", placement="above")
    _step(_add(harmony, "root"), root, "root-")
    _add(harmony, "kind", _KINDS.get(chord.quality, "other"), text=chord.quality)
    if bass:
        _step(_add(harmony, "bass"), bass, "bass-")
    _add(harmony, "staff", 1)


def _step(parent: Xml.Element, name: str, prefix: str) -> None:
    _add(parent, f"{prefix}step", name[0])
    if name[1:]:
        _add(parent, f"{prefix}alter", 1 if name[1:] == "#" else -1)


def _staff(measure: Xml.Element, score: Score, number: int, staff: int) -> None:
    voices = score.bars[number].staves[staff - 1]
    accidentals = _accidentals(score, number, voices)
    for voice, symbols in enumerate(voices, start=1):
        if voice == 2 and not symbols:
            continue
        if (staff, voice) != (1, 1):
            _add(_add(measure, "backup"), "duration", UNITS_PER_BAR)
        place = {"voice": 4 * staff - 4 + voice, "staff": staff}
        if not symbols:
            _rest_of_a_bar(measure, place)
        stem = ("up" if voice == 1 else "down") if voices[1] else ""
        for symbol in symbols:
            if not symbol.pitches and not symbol.is_triplet and _is_filled(symbol, voices[2 - voice], voice):
                _add(_add(measure, "forward"), "duration", symbol.units)
            else:
                _symbol(measure, symbol, score, number, place, stem, accidentals)


def _is_filled(rest: Symbol, other: Sequence[Symbol], voice: int) -> bool:
    """Tell whether a rest need not be seen: the lower voice's, and one while the other voice sounds."""
    sounding = [one for one in other if one.pitches]
    ends = rest.start + rest.units
    return voice == 2 or any(one.start < ends and one.start + one.units > rest.start for one in sounding)


def _rest_of_a_bar(measure: Xml.Element, place: dict[str, int]) -> None:
    note = _add(measure, "note")
    _add(note, "rest", measure="yes")
    _add(note, "duration", UNITS_PER_BAR)
    for name, value in place.items():
        _add(note, name, value)


def _symbol(
    measure: Xml.Element,
    symbol: Symbol,
    score: Score,
    number: int,
    place: dict[str, int],
    stem: str,
    accidentals: _Accidentals,
) -> None:
    """Write a rest, or the notes of a chord, in the order that the format asks for."""
    for index, pitch in enumerate(symbol.pitches or (None,)):
        note = _add(measure, "note")
        if pitch is None:
            _add(note, "rest")
        else:
            if index:
                _add(note, "chord")
            _pitch(note, score.spell(pitch, number, symbol.start))
        _add(note, "duration", symbol.units)
        ties = [name for name, tied in (("stop", symbol.tied_from), ("start", symbol.tied_to)) if tied]
        for kind in ties:
            _add(note, "tie", type=kind)
        _add(note, "voice", place["voice"])
        _value(note, symbol)
        if pitch is not None and (id(symbol), pitch) in accidentals:
            _add(note, "accidental", accidentals[id(symbol), pitch])
        if symbol.is_triplet:
            modification = _add(note, "time-modification")
            _add(modification, "actual-notes", 3)
            _add(modification, "normal-notes", 2)
        if stem and pitch is not None:
            _add(note, "stem", stem)
        _add(note, "staff", place["staff"])
        for level, beam in enumerate(symbol.beams if not index else (), start=1):
            _add(note, "beam", beam, number=str(level))
        _notations(note, ties, symbol.tuplet if not index else "")


def _pitch(note: Xml.Element, spelled: SpelledPitch) -> None:
    pitch = _add(note, "pitch")
    _add(pitch, "step", spelled.letter)
    if spelled.alteration:
        _add(pitch, "alter", spelled.alteration)
    _add(pitch, "octave", spelled.octave)


def _value(note: Xml.Element, symbol: Symbol) -> None:
    units = symbol.written_units
    if units in _TYPES:
        _add(note, "type", _TYPES[units])
    else:
        _add(note, "type", _TYPES[units * 2 // 3])
        _add(note, "dot")


def _notations(note: Xml.Element, ties: Sequence[str], tuplet: str) -> None:
    if not ties and not tuplet:
        return
    notations = _add(note, "notations")
    for kind in ties:
        _add(notations, "tied", type=kind)
    if tuplet:
        _add(notations, "tuplet", type=tuplet)


def _accidentals(score: Score, number: int, voices: tuple[list[Symbol], list[Symbol]]) -> _Accidentals:
    """Find which notes of a staff need a sign, as both voices are read together through the bar."""
    fifths = signature_of(score.key.tonic_name, minor=score.key.mode == "minor")
    signed = SHARP_ORDER[:fifths] if fifths >= 0 else SHARP_ORDER[fifths:]
    in_force: dict[tuple[str, int], int] = {}
    found: _Accidentals = {}
    for symbol in sorted((one for voice in voices for one in voice), key=lambda one: one.start):
        for pitch in symbol.pitches:
            spelled = score.spell(pitch, number, symbol.start)
            line = (spelled.letter, spelled.octave)
            before = in_force.get(line, (fifths > 0) - (fifths < 0) if spelled.letter in signed else 0)
            if symbol.tied_from:
                continue
            if spelled.alteration != before:
                found[id(symbol), pitch] = _ACCIDENTALS[spelled.alteration]
            in_force[line] = spelled.alteration
    return found


def _add(parent: Xml.Element, name: str, content: str | int = "", /, **attributes: str) -> Xml.Element:
    child = Xml.SubElement(parent, name, attributes)
    if content != "":
        child.text = str(content)
    return child
